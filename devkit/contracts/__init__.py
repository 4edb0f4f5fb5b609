"""Compares the published documents and schemas with those of the last release."""
