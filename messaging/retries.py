"""Pauses that an event can end, exponential backoff, and a limited wait for the end of tasks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
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


async def wait_for_either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    """Wait until either event is set, at most `seconds`."""
    waits = [asyncio.create_task(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def finish(tasks: Collection[asyncio.Task[None]], seconds: int) -> None:
    """Wait until tasks end, at most `seconds`, then cancel the others. Errors stay in the tasks."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    remaining = list(tasks)
    for task in remaining:
        task.cancel()
    await asyncio.gather(*remaining, return_exceptions=True)
