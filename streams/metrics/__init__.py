"""Prometheus metrics of workers and of notifications, served on a port of their own."""
