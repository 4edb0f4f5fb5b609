"""Messages to administrators about usage without a price: once for each kind and its first day."""

from __future__ import annotations

from typing import Final

from ledger.notifications.notices import ADMINISTRATORS, Notice
from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from schemas.scheduled_notices import UNPRICED_TYPE, UnpricedUsage
from schemas.sentences import service_name

_SQL: Final = statements("scheduled_notices/schedule")

PAGE: Final = "/prices"
KINDS_MAX: Final = 100


async def read_unpriced(connection: Connection) -> list[Notice]:
    """Return a message for each kind of usage without a price."""
    rows = await connection.fetch(*_SQL.bind("unpriced_kinds", limit=KINDS_MAX))
    return [_notice(row) for row in rows]


def _notice(row: Record) -> Notice:
    usage = UnpricedUsage(**dict(row))
    model = f" of the model {usage.model}" if usage.model else ""
    name = f"{service_name(usage.service)} {usage.operation}{model}"
    events = "1 event counts" if usage.events == 1 else f"{usage.events:,} events count"
    users = "1 user" if usage.users == 1 else f"{usage.users:,} users"
    cause = (usage.service, usage.operation, usage.model, usage.unit)
    return Notice(
        "unpriced",
        ADMINISTRATORS,
        (*cause, usage.first_at.date().isoformat()),
        f"No price for {name}",
        [
            f"{name} has no price in {usage.unit}.",
            f"{events} at 0 until there is one, for {users}.",
            "Once the price is added, the costs follow by themselves.",
        ],
        PAGE,
        UNPRICED_TYPE,
        usage,
    )
