"""Prices: the catalogue, its rows and lookups, submitted prices and their approval."""
