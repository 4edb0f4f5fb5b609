"""Looks for anomalies as the stream runs."""
