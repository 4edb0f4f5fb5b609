"""Messages that time decides: digests, forecasts of limits, and usage without a price."""
