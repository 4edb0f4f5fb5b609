"""Reads for the live feed, and its tickets."""
