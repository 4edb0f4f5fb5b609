"""Trace contexts of alerts and commands, from their transaction to their delivery."""
