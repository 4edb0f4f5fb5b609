"""Limits, thresholds, alerts, holds and authorization."""
