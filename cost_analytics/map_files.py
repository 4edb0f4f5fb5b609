"""Reads mapping files, for the commands that use them."""

from __future__ import annotations

from typing import Any

from api.mapping.errors import MappingError
from api.mapping.language import DocumentMapping, parse_text, read_mapping
from cost_analytics.failures import MISUSED, CommandError
from cost_analytics.files import read_text


def read_map(file: str) -> DocumentMapping:
    """Return the mapping of a file; raises CommandError."""
    try:
        return read_mapping(read_raw_map(file))
    except MappingError as error:
        raise CommandError(f"{file}: {error}", MISUSED) from None


def read_raw_map(file: str) -> Any:
    """Return a mapping as its file states it, not yet checked; raises CommandError."""
    try:
        return parse_text(read_text(file))
    except MappingError as error:
        raise CommandError(f"{file}: {error}", MISUSED) from None
