"""Composition roots: each builds the parts of one process and runs them."""
