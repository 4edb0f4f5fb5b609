"""Reads active calls and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.anomalies.missing_legs import leg_of, service_legs
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.stuck_calls.due_calls import ActiveCallTimes
from ledger.stuck_calls.rules import CallActivity
from schemas.events import RESERVED_SOURCES

_SQL: Final = statements("stuck_calls/stuck_calls")

REOPENED_MAX: Final = 1_000
_ACTIVE_AT_ONCE: Final = 5_000
_TURN: Final = "inference"
_SPEECH: Final = "tts"


async def lock_detection(connection: Connection) -> bool:
    """Lock the detection for the connection's session; returns False if another one has it."""
    return bool(await connection.fetchval(_SQL["lock"]))


async def read_active(connection: Connection) -> list[ActiveCallTimes]:
    """Return the active calls."""
    async with connection.transaction():
        cursor = connection.cursor(_SQL["active"], prefetch=_ACTIVE_AT_ONCE)
        return [ActiveCallTimes(*row) async for row in cursor]


async def read_activities(connection: Connection, call_ids: Sequence[str]) -> list[CallActivity]:
    """Return the activities of those calls that are still active, ordered by id.

    An operation that the catalogue does not know counts as inference if its service offers nothing
    else, or if its unit is tokens.
    """
    operations = [tuple(row) for row in await connection.fetch(_SQL["operations"])]
    turn_services = [
        service for service, legs in service_legs(operations).items() if legs == {"inference"}
    ]
    statement = _SQL.bind(
        "activities",
        call_ids=call_ids,
        turn=_TURN,
        speech=_SPEECH,
        operations=sorted({name for _, name in operations if leg_of(name) != "inference"}),
        turn_services=turn_services,
        own_sources=sorted(RESERVED_SOURCES),
    )
    return [CallActivity(*row) for row in await connection.fetch(*statement)]


async def read_open_silences(connection: Connection, call_ids: Sequence[str]) -> list[str]:
    """Return the ids of the open anomalies that say that one of these calls was silent."""
    rows = await connection.fetch(*_SQL.bind("open_silences", call_ids=call_ids))
    return [row["anomaly_id"] for row in rows]


async def read_reopened(connection: Connection) -> list[str]:
    """Return the ids of the open anomalies of calls that are not abandoned any more."""
    rows = await connection.fetch(*_SQL.bind("reopened", limit=REOPENED_MAX))
    return [row["anomaly_id"] for row in rows]
