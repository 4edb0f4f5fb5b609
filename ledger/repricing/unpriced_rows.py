"""Reads events without a price: their kinds of usage, and the events of a kind by page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.repricing.rows import lock_calls

_SQL: Final = statements("repricing/unpriced")


class UsageKind(NamedTuple):
    """A kind of usage. For fees, `type` is `call.charged` and `service` the processor."""

    type: str
    service: str
    operation: str
    model: str
    unit: str


NO_KIND: Final = UsageKind("", "", "", "", "")
"""Sorts before all kinds."""


class UnpricedKind(NamedTuple):
    """A kind with events without a price, and the time of the newest one."""

    kind: UsageKind
    newest: datetime


class UnpricedEvent(NamedTuple):
    """An event without a price; `amount_nano` is that of a charge."""

    identity: str
    call_id: str
    user_id: str
    time: datetime
    service: str
    amount_nano: int


async def unpriced_kinds(
    connection: Connection, after: UsageKind, limit: int
) -> list[UnpricedKind]:
    """Return up to `limit` kinds that sort after `after`, in order."""
    rows = await connection.fetch(*_SQL.bind("kinds", **after._asdict(), limit=limit))
    return [UnpricedKind(UsageKind(*row[:5]), row["newest"]) for row in rows]


async def unpriced_page(
    connection: Connection, kind: UsageKind, time: datetime, identity: str, limit: int
) -> list[UnpricedEvent]:
    """Return up to `limit` events of a kind after a time and identity, in order."""
    page = _SQL.bind("page", **kind._asdict(), time=time, identity=identity, limit=limit)
    return [UnpricedEvent(*row) for row in await connection.fetch(*page)]


async def lock_pricing(connection: Connection) -> bool:
    """Lock the pricing until the transaction ends; returns False if another one has the lock."""
    return bool(await connection.fetchval(_SQL["one_at_a_time"]))


async def lock_unpriced(connection: Connection, events: Sequence[UnpricedEvent]) -> Collection[str]:
    """Lock the calls of events; returns the identities of those still without a price."""
    await lock_calls(connection, (event.call_id for event in events))
    identities = [event.identity for event in events]
    rows = await connection.fetch(*_SQL.bind("still_unpriced", identities=identities))
    return {row["identity"] for row in rows}
