"""Calls with held events, which are counted as soon as an event names the user of the call."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/held_calls")


class HeldCallRow(NamedTuple):
    """A call with held events, the time of the earliest one, and when the first one was held."""

    call_id: str
    events: int
    types: list[str]
    sources: list[str]
    first_at: datetime
    held_at: datetime


async def list_held_calls(connection: Connection, after: str, limit: int) -> list[HeldCallRow]:
    """Return calls with ids after `after`; none if the viewer is not an administrator."""
    rows = await connection.fetch(*_SQL.bind("list", after=after, limit=limit))
    return [HeldCallRow(*row) for row in rows]


async def is_held(connection: Connection, call_id: str) -> bool:
    """Return whether a call has held events; False if the viewer is not an administrator."""
    return bool(await connection.fetch(*_SQL.bind("find", call_id=call_id)))


async def list_held_calls_as_operator(
    connection: Connection, limit: int, call_id: str | None = None
) -> list[HeldCallRow]:
    """Return calls ordered by id, or only the call `call_id`, without a viewer."""
    bound = _SQL.bind("list_as_operator", limit=limit, call_id=call_id)
    return [HeldCallRow(*row) for row in await connection.fetch(*bound)]
