"""When the parts of a process try again: after which errors, and after which time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from messaging.kafka import KafkaError

RETRYABLE_ERRORS: Final = (KafkaError, *TRANSIENT_ERRORS)
"""The brokers or the database are unavailable or busy."""


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, or for `seconds`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
