"""Executes commands about calls through their vendors, or through a signed webhook."""
