"""One module a subcommand: its help, its arguments, and `run`. Heavy imports happen in `run`."""
