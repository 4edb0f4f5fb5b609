"""Prometheus metrics of workers, notifications and commands, served on their own port."""
