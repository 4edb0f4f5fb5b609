"""Bounds the work that unknown tokens and tickets cause, without locking out valid ones.

Failed authentications are counted for each address, successful ones are not. An address with few
failures is served at once. One with many is not refused, because valid clients may share it: its
requests wait in a fair lane, which spends at most a fifth of the process's time on checks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.http.limits import RateLimiter
from api.http.options import RequestLimits
from api.http.problems import Problem, rate_limited
from ledger.postgres.fair_queue import FairQueue, QueueFullError

REST_FACTOR: Final = 4
"""After a check in the lane, the lane rests for so many times as long as the check took."""
WAIT_SECONDS_MAX: Final = 5
WAITING_PER_ADDRESS_MAX: Final = 1_000
_REST_SECONDS_MIN: Final = 0.002
_ALL: Final = ""
_NS_PER_SECOND: Final = 1_000_000_000


class VerificationBudget:
    """Decides when a credential that is not known yet is checked."""

    def __init__(
        self,
        failures: RateLimiter,
        all_failures: RateLimiter,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """`failures` are admitted for each address, `all_failures` for all of them together."""
        self._failures = failures
        self._all_failures = all_failures
        self._clock_ns = clock_ns
        self._lane = FairQueue(1, 1, WAITING_PER_ADDRESS_MAX)
        self._owed_ns = 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Check a credential within the block; a 401 Problem in it counts as a failure.

        Raises the 429 Problem instead of the 401 for an address with too many failures, and where
        too many credentials wait.
        """
        if self._failures.has_room(address) and self._all_failures.has_room(_ALL):
            async with self._counting(address):
                yield
            return
        try:
            async with self._lane.place(address, WAIT_SECONDS_MAX):
                began_ns = self._clock_ns()
                try:
                    async with self._counting(address):
                        yield
                finally:
                    await self._rest(self._clock_ns() - began_ns)
        except (QueueFullError, TimeoutError):
            raise rate_limited(
                1, "signature_checks", "Too many tokens of this address have to be checked."
            ) from None

    @asynccontextmanager
    async def _counting(self, address: str) -> AsyncIterator[None]:
        try:
            yield
        except Problem as problem:
            if problem.status != 401:
                raise
            self._all_failures.take(_ALL)
            if wait_seconds := self._failures.take(address):
                raise rate_limited(
                    wait_seconds,
                    "failed_authentications",
                    "Too many failed authentications from this address.",
                ) from None
            raise

    async def _rest(self, took_ns: int) -> None:
        """Leave the time to others; short rests are gathered, as timers are coarse."""
        self._owed_ns += REST_FACTOR * took_ns
        owed_seconds = self._owed_ns / _NS_PER_SECOND
        if owed_seconds >= _REST_SECONDS_MIN:
            self._owed_ns = 0
            await asyncio.sleep(owed_seconds)
        else:
            await asyncio.sleep(0)


def verification_budget(limits: RequestLimits) -> VerificationBudget:
    """Return a budget with the limits of failed authentications."""
    return VerificationBudget(
        RateLimiter(limits.failures_per_second, limits.failures_burst, limits.clients),
        RateLimiter(limits.all_failures_per_second, limits.all_failures_burst, 1),
    )
