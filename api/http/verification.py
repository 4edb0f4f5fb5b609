"""Limits the work caused by unknown tokens and tickets, without locking out valid ones.

Failed authentications are counted per address, successful ones are not. An address with few
failures is served directly. One with many is not refused, because valid clients may share it: its
requests wait in a fair queue that spends at most a fifth of the process's time on checks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from api.http.limits import RateLimiter
from api.http.options import RequestLimits
from api.http.problems import Problem, rate_limited
from ledger.postgres.fair_queue import FairQueue, QueueFullError

PAUSE_FACTOR: Final = 4
"""The queue pauses after each check for this many times the duration of the check."""
WAIT_SECONDS_MAX: Final = 5
WAITING_PER_ADDRESS_MAX: Final = 1_000
_PAUSE_SECONDS_MIN: Final = 0.002
_ALL: Final = ""
_NS_PER_SECOND: Final = 1_000_000_000


class VerificationQueue:
    """Decides when an unknown credential is checked."""

    def __init__(self, failures: RateLimiter, all_failures: RateLimiter) -> None:
        """`failures` are limited per address, `all_failures` over all addresses."""
        self._failures = failures
        self._all_failures = all_failures
        self._queue = FairQueue(1, 1, WAITING_PER_ADDRESS_MAX)
        self._owed_ns = 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Check a credential inside the block; a 401 Problem in it counts as a failure.

        Raises the 429 Problem instead of the 401 for an address with too many failures, and when
        too many credentials are waiting.
        """
        if self._failures.has_room(address) and self._all_failures.has_room(_ALL):
            async with self._counting(address):
                yield
            return
        try:
            async with self._queue.slot(address, WAIT_SECONDS_MAX):
                began_ns = time.perf_counter_ns()
                try:
                    async with self._counting(address):
                        yield
                finally:
                    await self._pause(time.perf_counter_ns() - began_ns)
        except (QueueFullError, TimeoutError):
            raise rate_limited(
                1, "signature_checks", "Too many tokens of this address wait to be checked."
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

    async def _pause(self, took_ns: int) -> None:
        """Pause for other work; short pauses are accumulated, because timers are coarse."""
        self._owed_ns += PAUSE_FACTOR * took_ns
        owed_seconds = self._owed_ns / _NS_PER_SECOND
        if owed_seconds >= _PAUSE_SECONDS_MIN:
            self._owed_ns = 0
            await asyncio.sleep(owed_seconds)
        else:
            await asyncio.sleep(0)


def verification_queue(limits: RequestLimits) -> VerificationQueue:
    """Return the limits of failed authentications."""
    return VerificationQueue(
        RateLimiter(limits.failures_per_second, limits.failures_burst, limits.clients),
        RateLimiter(limits.all_failures_per_second, limits.all_failures_burst, 1),
    )
