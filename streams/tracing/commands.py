"""Spans of attempts to execute commands that sampled events caused."""

from __future__ import annotations

import time
from typing import Final

from ledger.commands.execution import ClaimedCommand, CommandStore
from ledger.commands.results import CommandResult
from ledger.postgres.database import TRANSIENT_ERRORS
from ledger.tracing.message_traces import read_traces
from messaging.tracing import Tracer

_NS_PER_MS: Final = 1_000_000
_NO_ERRORS: Final = frozenset({"executed", "dry_run", "ended"})


class CommandTracing:
    """Traces attempts; without a database an attempt is not traced."""

    def __init__(self, tracer: Tracer, store: CommandStore) -> None:
        self._tracer = tracer
        self._store = store

    async def attempted(
        self, claim: ClaimedCommand, result: CommandResult, duration_ms: int
    ) -> None:
        """Record the span of an attempt whose result was just stored, if its command is traced."""
        ended_ns = time.time_ns()
        try:
            async with self._store.connection() as connection:
                contexts = await read_traces(connection, [claim.command_id])
        except TRANSIENT_ERRORS:
            return
        context = contexts.get(claim.command_id)
        if context is None:
            return
        span = self._tracer.start(
            f"execute {claim.kind}",
            "client",
            parent=context,
            at_ns=ended_ns - duration_ms * _NS_PER_MS,
            attributes={"cost_analytics.attempt": claim.number},
        )
        span.end(
            ended_ns,
            None if result.outcome in _NO_ERRORS else result.outcome,
            cost_analytics__outcome=result.outcome,
            cost_analytics__target=result.target or "",
        )
