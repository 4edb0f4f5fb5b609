"""Spans as the rules read them: the same from OTLP in protobuf and in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

AttributeValue: TypeAlias = str | bool | int | Decimal
"""The value of an attribute. Arrays, maps and bytes are left out: no rule reads them."""

SpanAttributes: TypeAlias = Mapping[str, AttributeValue]

SPANS_MAX: Final = 20_000
"""The maximum number of spans in a request; by default exporters send 512, collectors 8,192."""
SPAN_BYTES_MAX: Final = 1024 * 1024

_MARKS: Final = (
    b"gen_ai.usage.",
    b"metrics.character_count",
    b"metrics.audio_seconds",
    b"lk.tts_metrics",
    b"conversation.type",
    b"agent_session",
    b"cost_analytics.",
)


class MalformedTracesError(ValueError):
    """A body that is not an export request of traces; the message says what is wrong."""


class SpanError(ValueError):
    """A span that cannot be read; the other spans of its request are not affected."""


class ReceivedSpan(NamedTuple):
    """A span. Ids are lower-case hexadecimal digits, `parent_id` is empty for a root.

    Times are nanoseconds since 1970. `scope` is the name of the instrumentation scope.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    has_failed: bool
    scope: str
    attributes: SpanAttributes
    resource: SpanAttributes


class ReceivedSpans(NamedTuple):
    """The spans that may matter, the number of others, and the errors of unreadable spans."""

    spans: list[ReceivedSpan]
    ignored: int
    errors: list[str]


def may_matter(encoded: bytes) -> bool:
    """Return whether an encoded span may be a usage or a call; most others are never decoded.

    Attribute names are plain text in both encodings.
    """
    return any(mark in encoded for mark in _MARKS)
