"""Calls with held events: they are counted as soon as an event names the user of the call."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/held_calls")


class HeldCallRow(NamedTuple):
    """A call with held events; `first_at` is the earliest time of an event."""

    call_id: str
    events: int
    types: list[str]
    sources: list[str]
    first_at: datetime
    held_at: datetime


async def list_held_calls(connection: Connection, after: str, at_most: int) -> list[HeldCallRow]:
    """Return calls with ids after `after`; none if the viewer is not an administrator."""
    rows = await connection.fetch(*_SQL.bind("list", after=after, at_most=at_most))
    return [HeldCallRow(*row) for row in rows]


async def is_held(connection: Connection, call_id: str) -> bool:
    """Return whether a call has held events; False if the viewer is not an administrator."""
    return bool(await connection.fetch(*_SQL.bind("find", call_id=call_id)))


async def list_all_held_calls(
    connection: Connection, at_most: int, call_id: str | None = None
) -> list[HeldCallRow]:
    """Return calls by id, or only `call_id`, for an operator."""
    bound = _SQL.bind("list_all", at_most=at_most, wanted=call_id)
    return [HeldCallRow(*row) for row in await connection.fetch(*bound)]
