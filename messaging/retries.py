"""Interruptible pauses: a fixed time, or exponential backoff with a limit and jitter."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_ms` to `max_ms`, each reduced by up to half at random."""

    first_ms: int = 100
    max_ms: int = 15_000
    _next_ms: int = 0

    def delay_ms(self) -> int:
        """Return the next delay."""
        self._next_ms = min(self.max_ms, self._next_ms * 2 or self.first_ms)
        return random.randint(self._next_ms // 2, self._next_ms)  # noqa: S311 - not a secret

    def reset(self) -> None:
        """Reset after a success."""
        self._next_ms = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Sleep for the next delay, or until `stop` is set."""
        await wait_until_set(stop, self.delay_ms() / 1000)


async def wait_until_set(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, at most `seconds`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
