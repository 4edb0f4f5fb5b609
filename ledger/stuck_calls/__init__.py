"""Stuck calls: calls that keep costing without a conversation, and calls without an end."""
