"""Runs the main coroutine of a command on uvloop, and stops it on signals.

Stopping has a time limit, whatever hangs. The work is first asked to end (ORDERLY_SECONDS), then
cancelled (CANCEL_SECONDS), then the process exits. Nothing is lost: all state is committed in
PostgreSQL, and everything else is repeated.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from cost_analytics.failures import INTERRUPTED, CommandError

T = TypeVar("T")

ORDERLY_SECONDS: Final = 6
CANCEL_SECONDS: Final = 2
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_log: Final = logging.getLogger(__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine until it ends; Ctrl-C cancels it and raises KeyboardInterrupt."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run `work`, whose event is set by Ctrl-C or SIGTERM; a second signal cancels it.

    Raises CommandError if it was cancelled, also if it did not end in time.
    """
    with _Deadline(INTERRUPTED) as deadline:
        return run(_run_stoppable(work, deadline))


def serve_until_stopped(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run a service until Ctrl-C or SIGTERM and return its exit code.

    A requested stop returns 0, even if a part had to be cancelled.
    """
    with _Deadline(0) as deadline:
        try:
            return run(_run_stoppable(work, deadline))
        except CommandError as error:
            if deadline.has_begun and error.code == INTERRUPTED:
                return 0
            raise


class _Deadline:
    """Ends the process some seconds after a stop was requested, from its own thread."""

    def __init__(self, exit_code: int) -> None:
        self._exit_code = exit_code
        self._timer: threading.Timer | None = None
        self._work_ended = False

    def __enter__(self) -> _Deadline:
        return self

    def __exit__(self, *_: object) -> None:
        self._work_ended = True

    @property
    def has_begun(self) -> bool:
        """Whether a stop was requested."""
        return self._timer is not None

    def begin(self) -> None:
        """Start the deadline; later calls have no effect."""
        if self._timer is None:
            self._timer = threading.Timer(ORDERLY_SECONDS + CANCEL_SECONDS, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        # The interpreter ends the main thread before it waits for threads of libraries.
        if self._work_ended and threading.main_thread().is_alive():
            return
        _log.warning(
            "the process exits: a part did not stop and could not be cancelled",
            extra={"action": "stop_forced"},
        )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(self._exit_code)


async def _run_stoppable(work: Callable[[asyncio.Event], Awaitable[T]], deadline: _Deadline) -> T:
    stop = asyncio.Event()
    task = asyncio.ensure_future(work(stop))
    loop = asyncio.get_running_loop()

    def cancel_overdue() -> None:
        _log.warning(
            "not stopped after %d s: cancelling",
            ORDERLY_SECONDS,
            extra={"action": "stop_overdue"},
        )
        task.cancel()

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        else:
            deadline.begin()
            overdue = loop.call_later(ORDERLY_SECONDS, cancel_overdue)
            task.add_done_callback(lambda _: overdue.cancel())
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        return await task
    except asyncio.CancelledError:
        if stop.is_set():
            raise CommandError("Stopped before it was finished.", INTERRUPTED) from None
        raise
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
