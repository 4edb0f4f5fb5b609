"""Demonstrations: the product, one example that sends it a call, and what was counted."""
