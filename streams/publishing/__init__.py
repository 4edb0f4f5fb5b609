"""Publishes committed totals, alerts, commands and anomalies."""
