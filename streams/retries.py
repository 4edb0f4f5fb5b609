"""Retryable errors of Kafka and PostgreSQL, and retries of what must be stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from messaging.kafka import KafkaError
from messaging.retries import Backoff

RETRYABLE_ERRORS: Final = (KafkaError, *TRANSIENT_ERRORS)
"""The brokers or the database are unavailable or busy."""

STORE_ATTEMPTS_MAX: Final = 40
"""With pauses of up to 15 s, about ten minutes without a database."""

_log: Final = logging.getLogger(__name__)


async def store_result(store: Callable[[], Awaitable[None]], action: str) -> None:
    """Call `store` until it succeeds, many times, because what is not stored is done again.

    `action` is that of the log lines. Raises errors that are not transient.
    """
    backoff = Backoff()
    for _ in range(STORE_ATTEMPTS_MAX):
        try:
            await store()
        except TRANSIENT_ERRORS as error:
            _log.warning("a result cannot be stored: %s", error, extra={"action": action})
            await backoff.wait(asyncio.Event())
        else:
            return
    _log.error("a result was not stored: the attempt is repeated", extra={"action": action})
