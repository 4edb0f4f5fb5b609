"""PostgreSQL's clock, by which the times of events are judged on every host."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("postgres/session")

Clock = Callable[[], datetime]

SLOW_ANSWER_NS: Final = 1_000_000_000
SKEW_WARNED: Final = timedelta(seconds=5)
_NONE: Final = timedelta()

_log: Final = logging.getLogger(__name__)


def system_time() -> datetime:
    """Return the host's time."""
    return datetime.now(UTC)


class DatabaseClock:
    """PostgreSQL's clock, continued by the process's monotonic clock between samples.

    `skew` is the difference of the host's clock, positive if it is ahead.
    """

    def __init__(self) -> None:
        self.skew = _NONE
        self._sampled: tuple[datetime, int] | None = None
        self._is_warned = False

    def now(self) -> datetime:
        """Return PostgreSQL's time; the host's before the first sample."""
        if self._sampled is None:
            return system_time()
        at, at_ns = self._sampled
        return at + _elapsed(time.monotonic_ns() - at_ns)

    async def sample(self, connection: Connection) -> None:
        """Read PostgreSQL's time; raises a PostgreSQL error.

        A slow answer is imprecise, so it is only used as the first sample.
        """
        began, began_ns = system_time(), time.monotonic_ns()
        at = await connection.fetchval(_SQL["time"])
        took_ns = time.monotonic_ns() - began_ns
        if self._sampled is None or took_ns < SLOW_ANSWER_NS:
            self._sampled = at, began_ns + took_ns // 2
            # The clock was read at an unknown moment of the round trip, whose time is no skew.
            self.skew = max(began - at, _NONE) + min(began + _elapsed(took_ns) - at, _NONE)
            self._warn()

    def _warn(self) -> None:
        """Log once when the skew becomes large, and once when it is small again."""
        is_large = abs(self.skew) >= SKEW_WARNED
        if is_large != self._is_warned:
            self._is_warned = is_large
            _log.log(
                logging.WARNING if is_large else logging.INFO,
                "this host's clock differs by %+.1f s from PostgreSQL's, which is used",
                self.skew.total_seconds(),
                extra={"action": "clock_skewed" if is_large else "clock_right_again"},
            )


def _elapsed(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds // 1_000)
