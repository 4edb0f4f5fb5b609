"""Late prices: which recorded costs change, preview and apply."""
