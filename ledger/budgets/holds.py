"""Stores holds: the expected spend of calls that were allowed to start."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

_SQL: Final = statements("budgets/budgets")


class CallState(NamedTuple):
    """The state of a call to authorize; `cost_nano` is its cost so far."""

    is_finished: bool
    cost_nano: int


class PastCalls(NamedTuple):
    """The total cost and the total duration of a user's calls."""

    cost_nano: int
    duration_ms: int


async def read_call_state(connection: Connection, viewer: Viewer, call_id: str) -> CallState | None:
    """Return the state of a viewer's call; None if it is unknown."""
    row = await connection.fetchrow(
        *_SQL.bind("call_state", user_id=viewer.user_id, **viewer.parameters, call_id=call_id)
    )
    if row is None:
        return None
    return CallState(row["status"] != "active" or row["charged"], int(row["cost_nano"]))


async def read_past_calls(connection: Connection, viewer: Viewer, since_day: date) -> PastCalls:
    """Return the sums of the viewer's calls since a day."""
    [row] = await connection.fetch(
        *_SQL.bind("past_calls", user_id=viewer.user_id, **viewer.parameters, since_day=since_day)
    )
    return PastCalls(int(row["cost_nano"]), row["duration_ms"])


async def read_held(
    connection: Connection, viewer: Viewer, call_id: str, now: datetime, *, by_cost: bool
) -> int:
    """Return the sum of the holds of the viewer's other calls, in nano-dollars."""
    held = await connection.fetchval(
        *_SQL.bind(
            "held",
            user_id=viewer.user_id,
            **viewer.parameters,
            now=now,
            call_id=call_id,
            by_cost=by_cost,
        )
    )
    return int(held)


async def hold(
    connection: Connection, viewer: Viewer, call_id: str, spend_nano: int, until: datetime
) -> None:
    """Hold the expected spend of a call; replaces an earlier hold."""
    await connection.execute(
        *_SQL.bind(
            "hold",
            user_id=viewer.user_id,
            **viewer.parameters,
            call_id=call_id,
            spend_nano=spend_nano,
            until=until,
        )
    )


async def drop_hold(connection: Connection, viewer: Viewer, call_id: str) -> None:
    """Delete the hold of a call."""
    await connection.execute(
        *_SQL.bind("drop_hold", user_id=viewer.user_id, **viewer.parameters, call_id=call_id)
    )


async def drop_expired_holds(connection: Connection, viewer: Viewer, now: datetime) -> None:
    """Delete the expired holds of the viewer."""
    await connection.execute(
        *_SQL.bind("drop_expired_holds", user_id=viewer.user_id, **viewer.parameters, now=now)
    )
