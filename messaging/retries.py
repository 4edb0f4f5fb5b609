"""Backoff between attempts: longer each time, with a limit, and with jitter."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_ms` to `most_ms`, each cut by up to half at random."""

    first_ms: int = 100
    most_ms: int = 15_000
    _next_ms: int = 0

    def delay_ms(self) -> int:
        """Return the next delay."""
        self._next_ms = min(self.most_ms, self._next_ms * 2 or self.first_ms)
        return random.randint(self._next_ms // 2, self._next_ms)  # noqa: S311 - not a secret

    def reset(self) -> None:
        """Reset after a success."""
        self._next_ms = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Sleep for the next delay, or until `stop` is set."""
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self.delay_ms() / 1000)
