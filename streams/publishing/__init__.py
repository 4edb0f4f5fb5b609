"""Publishes committed totals and alerts."""
