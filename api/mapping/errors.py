"""Errors of mappings and of the documents that they read."""

from __future__ import annotations


class MappingError(Exception):
    """A mapping is invalid; the message begins with the path in the mapping."""


class DocumentError(Exception):
    """A rule cannot convert a document to an event; the message names the JSON Pointer."""
