"""Applies events that the ledger makes itself, such as corrections, with retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ledger.calls.rating import Incoming
from ledger.postgres.clock import system_time
from ledger.postgres.database import Connection
from ledger.prices.catalogue import Catalogue
from ledger.recording.batch import SMALL_BATCH_MAX
from ledger.recording.ledger import Ledger
from ledger.recording.retrying import run_with_retries

MakeEvents = Callable[[], Awaitable[Sequence[Incoming]]]


class RepricingRefusedError(Exception):
    """The ledger refused an event; the message says why. Its transaction was rolled back."""


class AppliedEvents(NamedTuple):
    """The number of applied events and of raised alerts."""

    events: int
    alerts: int


async def apply_events(
    connection: Connection, ledger: Ledger, catalogue: Catalogue, make_events: MakeEvents
) -> AppliedEvents:
    """Apply the events that `make_events` returns within the transaction, all or none.

    Raises RepricingRefusedError, OSError or a PostgreSQL error, and the errors of `make_events`.
    """

    async def apply() -> AppliedEvents:
        return await _apply(connection, ledger, catalogue, await make_events())

    return await run_with_retries(connection, ledger, apply)


async def _apply(
    connection: Connection, ledger: Ledger, catalogue: Catalogue, events: Sequence[Incoming]
) -> AppliedEvents:
    if not events:
        return AppliedEvents(0, 0)
    result = await ledger.apply(
        connection, events, system_time(), catalogue, is_large=len(events) > SMALL_BATCH_MAX
    )
    for _, refusal in result.refused:
        raise RepricingRefusedError(f"{refusal.code}: {refusal.message}")
    return AppliedEvents(len(events), result.alerts)
