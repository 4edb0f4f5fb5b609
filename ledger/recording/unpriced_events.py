"""Stores the list of counted events that have no price yet.

`ledger.prices.pricing.lacks_price` is true for the `price_id` of such an event. The list is indexed
by kind of usage, call and user, so that no reader searches all events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.entries import Entry
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("recording/unpriced_events")

FEE_OPERATION: Final = "fee"
FEE_UNIT: Final = "charges"
"""The kind of usage of a charge without a fee, as the catalogue names it."""

_encode: Final = msgspec.json.Encoder().encode


async def store_unpriced(connection: Connection, changes: BatchChanges) -> None:
    """Add the events of a batch that have no price, and remove those that it voids."""
    if changes.unpriced:
        rows = _encode([_row(entry) for entry in changes.unpriced]).decode()
        await connection.execute(*_SQL.bind("add", rows=rows))
    if changes.voided:
        await remove_unpriced(connection, changes.voided)


async def remove_unpriced(connection: Connection, identities: Sequence[str]) -> None:
    """Remove events from the list: they are voided, or their fee is recorded."""
    await connection.execute(*_SQL.bind("remove", identities=identities))


def _row(entry: Entry) -> dict[str, object]:
    return {
        "identity": entry.identity,
        "user_id": entry.user_id,
        "call_id": entry.call_id,
        "time": entry.time,
        "type": entry.type,
        "service": entry.service,
        "operation": entry.operation or FEE_OPERATION,
        "model": entry.model or "",
        "unit": entry.unpriced_unit or FEE_UNIT,
        "amount_nano": entry.amount_nano,
    }
