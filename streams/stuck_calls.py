"""Finds stuck calls every few seconds, beside the stream; one worker does it at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from ledger.charge_plans.plans import OutdatedPlansError
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from ledger.prices.price_book import PriceBook
from ledger.recording.ledger import CONFLICT_ERRORS
from ledger.recording.offsets import Stream
from ledger.recording.workers import read_counted_until
from ledger.stuck_calls.detection import StuckCallDetector, StuckCalls
from ledger.stuck_calls.rows import lock_detection
from ledger.stuck_calls.rules import CallLimits
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically
from streams.retries import RETRYABLE_ERRORS

INTERVAL_SECONDS: Final = 10

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StuckCallOptions:
    """When a call is stuck, and whether its end is requested; `basis` is that of budgets."""

    limits: CallLimits = field(default_factory=CallLimits)
    ends_calls: bool = False
    basis: SpendBasis = "charged"
    interval_seconds: int = INTERVAL_SECONDS


class StuckCallWatch:
    """Finds stuck calls while its worker runs."""

    def __init__(
        self,
        options: StuckCallOptions,
        connect: Callable[[], Awaitable[Connection]],
        prices: PriceBook,
        stream: Stream,
        epoch: int,
        now: Clock,
        found: Callable[[], None],
    ) -> None:
        """`epoch` is the ledger's. `found` is called when there are messages to publish."""
        self._options = options
        self._connection = KeptConnection(connect)
        self._prices = prices
        self._stream = stream
        self._now = now
        self._found = found
        self._detector = StuckCallDetector(
            options.limits, options.basis, ends_calls=options.ends_calls, epoch=epoch
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Find stuck calls periodically until `stop`."""
        retry = RetryLog("stuck calls are not found yet, trying again", "stuck_calls_retry")
        errors = (OutdatedPlansError, *CONFLICT_ERRORS, *RETRYABLE_ERRORS)
        interval_ms = self._options.interval_seconds * 1_000
        await run_periodically(self.run_once, self._connection, stop, interval_ms, retry, errors)

    async def run_once(self) -> StuckCalls:
        """Find stuck calls, unless another worker does or the stream's progress is unknown."""
        connection = await self._connection.open()
        if not await lock_detection(connection):
            self._detector.forget()
            return StuckCalls()
        until = await read_counted_until(connection, self._stream)
        if until is None:
            return StuckCalls()
        await self._prices.refresh(connection)
        result = await self._detector.run_once(
            connection, self._prices.catalogue, until, self._now()
        )
        if result.messages:
            self._found()
        if any(result):
            _log.info(
                "found %d stuck calls, closed %d", result.found, result.closed,
                extra={"action": "stuck_calls_found", **result._asdict()},
            )  # fmt: skip
        return result
