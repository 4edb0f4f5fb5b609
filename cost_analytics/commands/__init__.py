"""One module for each subcommand: its help, its arguments and `run`, with lazy imports."""
