"""Prometheus metrics of workers, notifications and commands, served on a port of their own."""
