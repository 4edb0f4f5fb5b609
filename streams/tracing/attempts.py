"""Spans of attempts to execute commands and to deliver notifications."""

from __future__ import annotations

import time
from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from ledger.tracing.message_traces import read_traces
from messaging.tracing import Tracer
from streams.journal import JournalStore

_NS_PER_MS: Final = 1_000_000


class AttemptTracing:
    """Traces attempts whose command or alert was caused by a sampled event."""

    def __init__(self, tracer: Tracer, store: JournalStore) -> None:
        self._tracer = tracer
        self._store = store

    async def record(
        self,
        name: str,
        message_id: str,
        number: int,
        duration_ms: int,
        error: str | None,
        **attributes: str,
    ) -> None:
        """Record the span of an attempt that has just ended, if its message is traced.

        `error` is None after a success. Without a database nothing is recorded.
        """
        ended_ns = time.time_ns()
        try:
            async with self._store.connection() as connection:
                contexts = await read_traces(connection, [message_id])
        except TRANSIENT_ERRORS:
            return
        context = contexts.get(message_id)
        if context is None:
            return
        span = self._tracer.start(
            name,
            "client",
            parent=context,
            at_ns=ended_ns - duration_ms * _NS_PER_MS,
            attributes={"cost_analytics.attempt": number},
        )
        span.end(ended_ns, error, **attributes)
