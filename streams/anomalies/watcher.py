"""Looks for anomalies: at once in calls that were heard to have ended, by and by in all others.

What was heard only says where to look first, and how much is remembered has a limit: the sweep
finds in PostgreSQL whatever was too much, came while this was down, or came late.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.detection import CALLS_AT_ONCE, GRACE, Detection, Looked
from ledger.store.anomalies import AnomalyStore
from ledger.store.database import TRANSIENT_ERRORS
from ledger.sweeping import ROUND_EVERY, Sweeping
from schemas.anomalies import LEGS, Leg
from streams.retries import Backoff

HEARD_MOST: Final = 10_000
SETTLING_MOST: Final = 100_000
"""Calls that are looked at once more after the grace."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """When is looked. `legs` are those that a call must have cost something at.

    A call is judged `settle_ms` after it was first heard to have ended, and whether all of its
    costs have come when nothing was heard of it for the `grace`. Rounds begin at most `every` so
    often.
    """

    grace: timedelta = GRACE
    legs: tuple[Leg, ...] = LEGS
    settle_ms: int = 5_000
    look_ms: int = 1_000
    every: timedelta = ROUND_EVERY


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Watcher:
    """Looks for anomalies until it is stopped."""

    def __init__(
        self,
        store: AnomalyStore,
        options: WatchOptions | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._options = options or WatchOptions()
        self._now = now
        self._detection = Detection(self._options.grace, self._options.legs)
        self._sweeping = Sweeping(self._detection, self._options.every)
        self._heard: dict[str, int] = {}
        self._settling: dict[str, int] = {}

    def hear(self, call_id: str) -> None:
        """Remember to look at a call soon, unless there is too much to remember already."""
        if len(self._heard) < HEARD_MOST:
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
        heard = _take_due(self._heard, self._options.settle_ms * 1_000_000)
        grace_ns = self._options.grace // timedelta(microseconds=1) * 1_000
        settled = _take_due(self._settling, grace_ns)
        due = sorted({*heard, *settled})
        if due:
            try:
                async with self._store.transaction() as connection:
                    looked = await self._detection.look_at_calls(connection, due, self._now())
            except TRANSIENT_ERRORS:
                for call_id in due:
                    self.hear(call_id)
                raise
            _say("heard", looked)
        self._settle(heard)
        async with self._store.transaction() as connection:
            step = await self._sweeping.step(connection, self._now())
        _say("swept", step.looked)
        return step.more or CALLS_AT_ONCE in (len(heard), len(settled))

    def _settle(self, call_ids: Sequence[str]) -> None:
        """Look at what was just heard once more after the grace: a cost may be missing then."""
        for call_id in call_ids:
            if self._settling.pop(call_id, None) or len(self._settling) < SETTLING_MOST:
                self._settling[call_id] = time.monotonic_ns()


def _take_due(waiting: dict[str, int], wait_ns: int) -> list[str]:
    """Take the calls that were put there first, and long enough ago.

    They are forgotten before they are judged, so that one that is heard meanwhile is judged anew.
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


def _say(how: str, looked: Looked) -> None:
    if looked != Looked():
        _log.info(
            "%d anomalies found, %d in order after all (%s)",
            *looked,
            how,
            extra={"action": "anomalies_found", "how": how, **looked._asdict()},
        )
