"""Spans of the live feed: from the receipt of a record of a sampled event to its sockets."""

from __future__ import annotations

import time
from collections.abc import Callable

from messaging.topic_reader import LogRecord
from messaging.tracing import Tracer
from schemas.trace_context import context_of


class FeedTracing:
    """Traces the records of a poll; `offered` counts the sockets that were offered a message.

    The span ends when the messages are written to the sockets. A socket that was sent a state of
    the same call less than a tenth of a second before, or that does not read, gets it later.
    """

    def __init__(self, tracer: Tracer, offered: Callable[[], int]) -> None:
        self._tracer = tracer
        self._offered = offered
        self._received_ns = 0
        self._offered_before = 0
        self._traced: list[tuple[str, str, int]] = []

    def start(self) -> None:
        """Note that records were received."""
        self._received_ns = time.time_ns()
        self._offered_before = self._offered()

    def note_dispatched(self, record: LogRecord) -> None:
        """Note that a record was offered to its sockets."""
        offered = self._offered()
        context = context_of(record.headers, None)
        if context is not None:
            self._traced.append((context, record.topic, offered - self._offered_before))
        self._offered_before = offered

    def record_spans(self) -> None:
        """Record the spans: everything that was due is written to the sockets."""
        traced, self._traced = self._traced, []
        for context, topic, sockets in traced:
            span = self._tracer.start(
                "push to sockets",
                "consumer",
                parent=context,
                at_ns=self._received_ns,
                attributes={
                    "messaging.system": "kafka",
                    "messaging.destination.name": topic,
                    "cost_analytics.sockets": sockets,
                },
            )
            span.end(time.time_ns())
