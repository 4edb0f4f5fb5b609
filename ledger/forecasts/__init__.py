"""Forecasts of a user's costs, in integers (docs/forecasts.md)."""
