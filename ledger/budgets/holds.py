"""Stores holds: the expected spend of calls that were allowed to start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from ledger.calls.tags import read_tags
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

_SQL: Final = statements("budgets/budgets")


class CallState(NamedTuple):
    """The state of a call to authorize; `cost_nano` is its cost so far."""

    is_finished: bool
    cost_nano: int
    persona_id: str | None
    tags: Mapping[str, str]


class PastCalls(NamedTuple):
    """The total cost and the total duration of a user's calls."""

    cost_nano: int
    duration_ms: int


class Holds:
    """Reads and changes the holds of a viewer's calls in an open transaction."""

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self._connection = connection
        self._of_viewer = {"user_id": viewer.user_id, **viewer.parameters}

    def _bind(self, statement: str, **values: object) -> tuple[Any, ...]:
        return _SQL.bind(statement, **self._of_viewer, **values)

    async def call_state(self, call_id: str) -> CallState | None:
        """Return the state of a call; None if it is unknown."""
        row = await self._connection.fetchrow(*self._bind("call_state", call_id=call_id))
        if row is None:
            return None
        is_finished = row["status"] != "active" or row["charged"]
        tags = read_tags(row["tags"]) or {}
        return CallState(is_finished, int(row["cost_nano"]), row["persona_id"], tags)

    async def past_calls(self, since_day: date) -> PastCalls:
        """Return the sums of the calls since a day."""
        [row] = await self._connection.fetch(*self._bind("past_calls", since_day=since_day))
        return PastCalls(int(row["cost_nano"]), row["duration_ms"])

    async def sum_of_others(self, call_id: str, now: datetime, *, by_cost: bool) -> int:
        """Return the sum of the holds of other calls, in nano-dollars."""
        held = self._bind("held", now=now, call_id=call_id, by_cost=by_cost)
        return int(await self._connection.fetchval(*held))

    async def hold(self, call_id: str, spend_nano: int, until: datetime) -> None:
        """Hold the expected spend of a call; replaces an earlier hold."""
        values = {"call_id": call_id, "spend_nano": spend_nano, "until": until}
        await self._connection.execute(*self._bind("hold", **values))

    async def drop(self, call_id: str) -> None:
        """Delete the hold of a call."""
        await self._connection.execute(*self._bind("drop_hold", call_id=call_id))

    async def drop_expired(self, now: datetime) -> None:
        """Delete the expired holds."""
        await self._connection.execute(*self._bind("drop_expired_holds", now=now))
