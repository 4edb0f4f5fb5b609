"""Runs the main coroutine of a command: on uvloop, ended by signals in an orderly way."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from cost_analytics.failures import INTERRUPTED, CommandError

T = TypeVar("T")

_STOPPERS: Final = (signal.SIGINT, signal.SIGTERM)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; Ctrl-C cancels it and raises KeyboardInterrupt."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run `work`, whose event is set by Ctrl-C or SIGTERM; a second signal cancels it.

    Raises CommandError where it was cancelled.
    """
    return run(_stoppable(work))


async def _stoppable(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    stop = asyncio.Event()
    task = asyncio.ensure_future(work(stop))

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _STOPPERS:
        loop.add_signal_handler(number, on_signal)
    try:
        return await task
    except asyncio.CancelledError:
        if stop.is_set():
            raise CommandError("Stopped before it was finished.", INTERRUPTED) from None
        raise
    finally:
        for number in _STOPPERS:
            loop.remove_signal_handler(number)
