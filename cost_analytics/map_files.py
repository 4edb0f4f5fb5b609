"""Reads mapping files, for the commands that use them."""

from __future__ import annotations

from api.mapping.errors import MappingError
from api.mapping.language import DocumentMapping, mapping_from_text
from cost_analytics.failures import MISUSED, CommandError
from cost_analytics.files import read_text


def read_map(file: str) -> DocumentMapping:
    """Return the mapping of a file; raises CommandError."""
    try:
        return mapping_from_text(read_text(file))
    except MappingError as error:
        raise CommandError(f"{file}: {error}", MISUSED) from None
