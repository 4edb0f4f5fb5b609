"""Detects anomalies: soon in calls reported as ended, in all others in a periodic sweep.

A limited number of ids of ended calls is kept in memory, to check these first. Nothing is lost
without them: the sweep reads recent calls from PostgreSQL, where late changes are stored, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ledger.anomalies.detection import CALLS_AT_ONCE, GRACE, AnomalyDetector, DetectionResult
from ledger.anomalies.rows import AnomalyStore
from ledger.anomalies.sweep import ROUND_EVERY, AnomalySweep
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import TRANSIENT_ERRORS
from messaging.retries import Backoff, wait_until_set
from schemas.anomalies import LEGS, Leg

PENDING_MAX: Final = 10_000
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnomalyWatcherOptions:
    """When calls are checked; `legs` are the parts of a call that must have a cost.

    A call is checked for spikes `spike_delay_ms` after it was reported as ended, and for missing
    legs once it has not changed for the `grace` period. Rounds begin at least `every` apart.
    """

    grace: timedelta = GRACE
    legs: tuple[Leg, ...] = LEGS
    spike_delay_ms: int = 5_000
    poll_ms: int = 1_000
    every: timedelta = ROUND_EVERY


class AnomalyWatcher:
    """Detects anomalies until it is stopped."""

    def __init__(
        self,
        store: AnomalyStore,
        options: AnomalyWatcherOptions | None = None,
        now: Clock = system_time,
    ) -> None:
        self._store = store
        self._options = options or AnomalyWatcherOptions()
        self._now = now
        self._detection = AnomalyDetector(self._options.grace, self._options.legs)
        self._sweeping = AnomalySweep(self._detection, self._options.every)
        self._pending: dict[str, int] = {}

    def notify(self, call_id: str) -> None:
        """Schedule a check of an ended call, unless too many are scheduled already."""
        if len(self._pending) < PENDING_MAX:
            self._pending.setdefault(call_id, time.monotonic_ns())

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; retries with backoff while the database is unavailable."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                has_more = await self.step()
                backoff.reset()
            except TRANSIENT_ERRORS as error:
                _log.warning(
                    "anomaly detection failed: %s",
                    str(error) or type(error).__name__,
                    extra={"action": "anomalies_retry"},
                )
                await backoff.wait(stop)
                continue
            if not has_more:
                await wait_until_set(stop, self._options.poll_ms / 1000)

    async def step(self) -> bool:
        """Check some ended calls and make a step of the sweep; returns whether there is more."""
        due = _take_due(self._pending, self._options.spike_delay_ms * 1_000_000)
        if due:
            try:
                async with self._store.transaction() as connection:
                    result = await self._detection.check_calls(connection, due, self._now())
            except TRANSIENT_ERRORS:
                for call_id in due:
                    self.notify(call_id)
                raise
            _log_result("ended calls", result)
        async with self._store.transaction() as connection:
            step = await self._sweeping.step(connection, self._now())
        _log_result("sweep", step.result)
        return step.more or len(due) == CALLS_AT_ONCE


def _take_due(waiting: dict[str, int], wait_ns: int) -> list[str]:
    """Remove and return the calls that have waited long enough, oldest first.

    They are removed before they are checked, so that a change meanwhile causes another check.
    """
    before_ns = time.monotonic_ns() - wait_ns
    due: list[str] = []
    for call_id, since_ns in waiting.items():
        if since_ns > before_ns or len(due) == CALLS_AT_ONCE:
            break
        due.append(call_id)
    for call_id in due:
        del waiting[call_id]
    return due


def _log_result(trigger: str, result: DetectionResult) -> None:
    if result != DetectionResult():
        _log.info(
            "%d anomalies found, %d resolved (%s)",
            *result,
            trigger,
            extra={"action": "anomalies_found", "how": trigger, **result._asdict()},
        )
