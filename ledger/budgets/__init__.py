"""Budgets: limits, thresholds, alerts, holds and authorization."""
