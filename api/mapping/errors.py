"""Errors of mappings and of the documents that they read."""

from __future__ import annotations


class MappingError(Exception):
    """A mapping is invalid; the sentence begins with the place in the mapping."""


class InputError(Exception):
    """A document cannot become the event of its rule; the sentence names the pointer."""
