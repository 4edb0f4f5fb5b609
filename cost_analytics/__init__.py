"""Composition roots and the command line: what reads settings, builds the parts and runs them."""
