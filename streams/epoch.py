"""Waits until the epoch of the ledger is known, before a worker starts."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import TRANSIENT_ERRORS, connected
from ledger.recording.epochs import current_epoch
from messaging.retries import Backoff

_log: Final = logging.getLogger(__name__)


async def wait_for_epoch(url: str, clock: DatabaseClock, stop: asyncio.Event) -> int | None:
    """Return the ledger's epoch and set the clock; None after `stop`.

    Waits for the database, and for the end of a restore.
    """
    backoff = Backoff()
    while not stop.is_set():
        try:
            async with connected(url, name="cost-analytics worker") as connection:
                await clock.sample(connection)
                return (await current_epoch(connection)).epoch
        except TRANSIENT_ERRORS as error:
            _log.warning(
                "the epoch is unknown, retrying: %s", error, extra={"action": "epoch_retry"}
            )
            await backoff.wait(stop)
    return None
