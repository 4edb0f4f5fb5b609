"""What happens at the moment: active calls with their cost, and the newest alerts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/activity")


class ActiveCall(NamedTuple):
    """An active call with its recorded cost; `read_at` is PostgreSQL's clock."""

    call_id: str
    user_id: str
    persona_id: str | None
    first_at: datetime
    cost_nano: int
    event_count: int
    read_at: datetime


class RaisedAlert(NamedTuple):
    """An alert of a budget; `is_late` ones were raised by late events and sent to no channel."""

    triggered_at: datetime
    user_id: str
    type: str
    period: str
    threshold_percent: Decimal
    is_late: bool


async def active_calls(
    connection: Connection, *, updated_after: datetime, limit: int
) -> list[ActiveCall]:
    """Return up to `limit` calls, latest started first."""
    rows = await connection.fetch(
        *_SQL.bind("active_calls", updated_after=updated_after, limit=limit)
    )
    return [ActiveCall(*row) for row in rows]


async def newest_alerts(connection: Connection, limit: int) -> list[RaisedAlert]:
    """Return the newest alerts of all users."""
    return [RaisedAlert(*row) for row in await connection.fetch(*_SQL.bind("alerts", limit=limit))]
