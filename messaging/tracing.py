"""A tracing interface, so that a process that does not trace need not import OpenTelemetry.

Such a process has no tracer. Times are nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

SpanKind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int]


class Span(Protocol):
    """A span that was started; one that is never ended is not exported."""

    @property
    def traceparent(self) -> str:
        """Its trace context, for its children."""

    def end(self, at_ns: int, error: str | None = None, **attributes: str | int) -> None:
        """End the span; `error` is what failed. An attribute's `__` becomes a dot."""


class Tracer(Protocol):
    """Starts spans."""

    def start(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        at_ns: int,
        links: Sequence[str] = (),
        attributes: Attributes | None = None,
    ) -> Span:
        """Start a span within a trace context, or a new trace; `links` are trace contexts."""


def record_span(
    tracer: Tracer,
    name: str,
    parent: str,
    start_ns: int,
    end_ns: int,
    *,
    kind: SpanKind = "internal",
) -> None:
    """Record a span that has ended; a negative duration, from unequal clocks, becomes 0."""
    span = tracer.start(name, kind, parent=parent, at_ns=start_ns)
    span.end(max(start_ns, end_ns))
