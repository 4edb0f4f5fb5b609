"""Late prices: which recorded costs they change, a preview, and the correction."""
