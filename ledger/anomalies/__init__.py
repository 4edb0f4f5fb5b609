"""Anomalies in costs: robust baselines, spikes of calls and days, missing legs."""
