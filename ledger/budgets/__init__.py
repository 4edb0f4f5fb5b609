"""Budgets: limits, scopes, thresholds, alerts, steps before a call's end, and reservations."""
