"""Composition roots and the command line: reads settings, builds the parts and runs them."""
