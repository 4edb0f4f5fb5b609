"""Executes commands: ends calls through their vendors, or through a signed webhook."""
