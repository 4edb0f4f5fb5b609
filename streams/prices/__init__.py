"""Sources of prices: where vendors publish prices, read through one interface."""
