"""The development instance: the whole product on one machine, as one command that cleans up."""
