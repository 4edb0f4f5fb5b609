"""Spans of attempts to deliver notifications about alerts that sampled events caused."""

from __future__ import annotations

import time
from typing import Final

from ledger.notifications.deliveries import ClaimedDelivery, DeliveryStore
from ledger.postgres.database import TRANSIENT_ERRORS
from ledger.tracing.message_traces import read_traces
from messaging.tracing import Tracer
from streams.metrics.deliveries import DeliveryOutcome

_NS_PER_MS: Final = 1_000_000


class DeliveryTracing:
    """Traces attempts; without a database an attempt is not traced."""

    def __init__(self, tracer: Tracer, store: DeliveryStore) -> None:
        self._tracer = tracer
        self._store = store

    async def attempted(
        self, claim: ClaimedDelivery, outcome: DeliveryOutcome, duration_ms: int
    ) -> None:
        """Record the span of an attempt that has just ended, if its alert is traced."""
        ended_ns = time.time_ns()
        try:
            async with self._store.connection() as connection:
                contexts = await read_traces(connection, [claim.subject_id])
        except TRANSIENT_ERRORS:
            return
        context = contexts.get(claim.subject_id)
        if context is None:
            return
        span = self._tracer.start(
            f"deliver {claim.type}",
            "client",
            parent=context,
            at_ns=ended_ns - duration_ms * _NS_PER_MS,
            attributes={"cost_analytics.attempt": claim.number},
        )
        error = None if outcome == "delivered" else outcome
        span.end(ended_ns, error, cost_analytics__outcome=outcome)
