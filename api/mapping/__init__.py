"""Mappings: which documents of a service become which events, and where each field is found."""
