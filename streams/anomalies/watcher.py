"""Looks for anomalies: immediately in calls reported as ended, in all others by a periodic sweep.

What is kept in memory only says where to look first, up to a limit. Everything that must not be
lost is in PostgreSQL: recent calls are found by the sweep, late changes have a stored check each.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.anomalies.detection import CALLS_AT_ONCE, GRACE, AnomalyDetector, DetectionResult
from ledger.anomalies.rows import AnomalyStore
from ledger.anomalies.sweep import ROUND_EVERY, AnomalySweep
from ledger.postgres.database import TRANSIENT_ERRORS
from messaging.retries import Backoff
from schemas.anomalies import LEGS, Leg

HEARD_MAX: Final = 10_000
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnomalyWatcherOptions:
    """When is looked. `legs` are those that a call must have cost something at.

    A call is judged for spikes `settle_ms` after it was first heard to have ended, and for missing
    legs once it did not change for the `grace` period. Rounds begin at most `every` so often.
    """

    grace: timedelta = GRACE
    legs: tuple[Leg, ...] = LEGS
    settle_ms: int = 5_000
    look_ms: int = 1_000
    every: timedelta = ROUND_EVERY


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class AnomalyWatcher:
    """Looks for anomalies until it is stopped."""

    def __init__(
        self,
        store: AnomalyStore,
        options: AnomalyWatcherOptions | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._options = options or AnomalyWatcherOptions()
        self._now = now
        self._detection = AnomalyDetector(self._options.grace, self._options.legs)
        self._sweeping = AnomalySweep(self._detection, self._options.every)
        self._heard: dict[str, int] = {}

    def hear(self, call_id: str) -> None:
        """Remember to look at a call soon, unless there is too much to remember already."""
        if len(self._heard) < HEARD_MAX:
            self._heard.setdefault(call_id, time.monotonic_ns())

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`; a database that is away is tried again after a while."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                again = await self.look()
                backoff.reset()
            except TRANSIENT_ERRORS as error:
                _log.warning(
                    "anomalies are not looked for: %s",
                    str(error) or type(error).__name__,
                    extra={"action": "anomalies_retry"},
                )
                await backoff.wait(stop)
                continue
            if not again:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._options.look_ms / 1000)

    async def look(self) -> bool:
        """Judge some of what was heard, and take a step of the sweep; says if there is more."""
        due = _take_due(self._heard, self._options.settle_ms * 1_000_000)
        if due:
            try:
                async with self._store.transaction() as connection:
                    looked = await self._detection.check_calls(connection, due, self._now())
            except TRANSIENT_ERRORS:
                for call_id in due:
                    self.hear(call_id)
                raise
            _say("heard", looked)
        async with self._store.transaction() as connection:
            step = await self._sweeping.step(connection, self._now())
        _say("swept", step.result)
        return step.more or len(due) == CALLS_AT_ONCE


def _take_due(waiting: dict[str, int], wait_ns: int) -> list[str]:
    """Take the calls that were put there first, and long enough ago.

    They are removed before they are judged, so that a change meanwhile is judged again.
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


def _say(how: str, looked: DetectionResult) -> None:
    if looked != DetectionResult():
        _log.info(
            "%d anomalies found, %d in order after all (%s)",
            *looked,
            how,
            extra={"action": "anomalies_found", "how": how, **looked._asdict()},
        )
