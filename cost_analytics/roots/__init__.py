"""Composition roots: each builds the parts of one process, hands them to each other, runs them."""
