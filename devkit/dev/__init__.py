"""The development instance: the whole product on one machine, run by one command."""
