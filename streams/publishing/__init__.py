"""Publishes totals and alerts that were committed."""
