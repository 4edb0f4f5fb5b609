"""Spans of sampled events, from the poll of their record to their notification."""
