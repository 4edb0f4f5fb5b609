"""Scheduled messages: digests, forecasts of limits, and usage without a price."""
