"""Follows log files and sends the events of their lines, each once."""
