"""The statistics of forecasts, in integers: levels, weekdays, past errors (docs/forecast.md)."""
