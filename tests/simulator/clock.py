"""Virtual time: an event loop whose waits take no time, and the clocks of the product.

The loop runs in one thread without real input or output, so the order of its steps depends only on
the program. Time advances only when every task waits for it.
"""

import asyncio
import itertools
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from tests.support.clocks import datetime_by, replaced

START = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""Noon, so that no run crosses midnight; fixed, so that seeds can be repeated."""
_MONOTONIC_START_NS = 10**15


class DeadlockError(Exception):
    """All tasks wait for each other."""


class _VirtualSelector(selectors.SelectSelector):
    """Advances the virtual time instead of waiting."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError
        self._advance(timeout)
        return []


class _Task(asyncio.Task[Any]):
    """A task whose hash does not depend on its address."""

    numbers = itertools.count()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self._number = next(self.numbers)
        super().__init__(*arguments, **more)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that runs through hours within milliseconds."""

    def __init__(self) -> None:
        self._now_seconds = 0.0
        self.on_task: Callable[[asyncio.Task[Any], Context | None], None] = lambda *_: None
        super().__init__(_VirtualSelector(self._pass))
        _Task.numbers = itertools.count()
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Return seconds since the start."""
        return self._now_seconds

    def now(self) -> datetime:
        """Return the time of day."""
        return START + timedelta(seconds=self._now_seconds)

    def _pass(self, seconds: float) -> None:
        self._now_seconds += seconds

    def _make_task(self, _: Any, coroutine: Any, **more: Any) -> _Task:
        task = _Task(coroutine, loop=self, **more)
        self.on_task(task, more.get("context"))
        return task


def _time_of(loop: VirtualLoop) -> SimpleNamespace:
    def monotonic_ns() -> int:
        return _MONOTONIC_START_NS + round(loop.time() * 10**9)

    def time_ns() -> int:
        return round(loop.now().timestamp() * 10**6) * 1000

    return SimpleNamespace(
        monotonic_ns=monotonic_ns,
        monotonic=lambda: monotonic_ns() / 10**9,
        perf_counter_ns=monotonic_ns,
        time_ns=time_ns,
        time=lambda: time_ns() / 10**9,
    )


@contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """Replace the clocks of all modules of the write path by those of a new loop."""
    loop = VirtualLoop()
    try:
        with replaced(datetime=(datetime, datetime_by(loop.now)), time=(time, _time_of(loop))):
            yield loop
    finally:
        loop.close()
