"""Reads one line of a log: JSON, or JSON after a text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from api.mapping.errors import DocumentError
from api.mapping.language import DocumentMapping
from api.mapping.rules import MappedEvent
from schemas.jsonio import json_error

_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def events_of_line(mapping: DocumentMapping, line: bytes) -> list[MappedEvent]:
    """Return the events of a line, none if it is empty or no rule matches; raises DocumentError."""
    documents = documents_of_line(mapping, line)
    events = [mapping.events(document) for document in documents]
    if len(documents) == 1:
        return events[0]
    # The index of a document in its list makes the keys of its events unique.
    return [
        event._replace(key=f"{index}/{event.key}")
        for index, document_events in enumerate(events)
        for event in document_events
    ]


def documents_of_line(mapping: DocumentMapping, line: bytes) -> list[Any]:
    """Return the documents of a line or a body: one, or those of a list; raises DocumentError."""
    content = line.strip()
    if mapping.after is not None:
        _, found, content = content.partition(mapping.after.encode())
        if not found:
            return []
    return documents_of_body(content) if content else []


def documents_of_body(body: bytes) -> list[Any]:
    """Return the documents of a webhook's body: one, or those of a list; raises DocumentError."""
    document = document_of(body)
    return document if isinstance(document, list) else [document]


def document_of(content: bytes) -> Any:
    """Return decoded JSON with exact numbers; raises DocumentError."""
    try:
        content.decode()
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"It is not JSON: {json_error(error)}.") from None
    except (ValueError, ArithmeticError):
        raise DocumentError("It has a number that cannot be read.") from None


def is_object(line: bytes) -> bool:
    """Return whether a line that has no end yet is a complete JSON object."""
    try:
        return isinstance(document_of(line.strip()), dict)
    except DocumentError:
        return False
