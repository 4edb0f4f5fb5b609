"""Reads and passes on W3C trace contexts: `traceparent`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

import msgspec

HEADER: Final = "traceparent"
_HEADERS: Final = (HEADER, f"ce_{HEADER}")
_IN_JSON: Final = b'"traceparent"'
_SAMPLED: Final = 1
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})"
)

TRACED_EVENTS: ContextVar[Mapping[tuple[str, str], str]] = ContextVar(
    "traced_events", default=MappingProxyType({})
)
"""The trace contexts of the sampled events that are being recorded, by source and id."""

REQUEST_TRACE: ContextVar[str | None] = ContextVar("request_trace", default=None)
"""The trace context of the request that is being served, if it is sampled."""


class _Attribute(msgspec.Struct):
    """The extension attribute of a CloudEvent with its trace context."""

    traceparent: str | None = None


_decode: Final = msgspec.json.Decoder(_Attribute).decode


def sampled(text: str | None) -> str | None:
    """Return a trace context in the form of version 00 if it is valid and sampled, else None."""
    if text is None:
        return None
    found = _TRACEPARENT.match(text.strip())
    if found is None or not int(found[1], 16) & _SAMPLED:
        return None
    return f"00-{found[0][3:]}"


def context_of(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> str | None:
    """Return the sampled trace context of a Kafka record; None if it has none.

    A header of the record comes before the attribute of a CloudEvent in JSON.
    """
    if headers:
        values = dict(headers)
        for name in _HEADERS:
            if name in values:
                return sampled((values[name] or b"").decode("ascii", "replace"))
    if value is None or _IN_JSON not in value:
        return None
    try:
        return sampled(_decode(value).traceparent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
