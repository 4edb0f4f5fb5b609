"""Repeats work beside the stream, on its own connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from messaging.retries import wait_until_set
from streams.kept_connection import KeptConnection
from streams.retries import RETRYABLE_ERRORS

_log: Final = logging.getLogger(__name__)


class RetryLog(NamedTuple):
    """How a failed run is logged: a sentence, and an action."""

    sentence: str
    action: str


async def run_periodically(
    run_once: Callable[[], Awaitable[object]],
    connection: KeptConnection,
    stop: asyncio.Event,
    interval_ms: int,
    retry: RetryLog,
    errors: tuple[type[Exception], ...] = RETRYABLE_ERRORS,
) -> None:
    """Call `run_once` periodically until `stop`; after one of `errors` on a new connection."""
    try:
        while not stop.is_set():
            try:
                await run_once()
            except errors as error:
                connection.terminate()
                _log.warning(
                    "%s: %s",
                    retry.sentence,
                    str(error) or type(error).__name__,
                    extra={"action": retry.action},
                )
            await wait_until_set(stop, interval_ms / 1000)
    finally:
        connection.terminate()
