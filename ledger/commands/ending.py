"""Ends calls by hand: a person requests the end of a call, and a process executes it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import uuid4

from ledger.budgets.alert_messages import cutoff_event
from ledger.budgets.alert_rows import CALL_COMMAND
from ledger.commands.lists import CommandRow, commands_of_call
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.alerts import CUTOFF_TYPE, CutoffRequest
from schemas.jsonio import encode
from schemas.money import Usd

_SQL: Final = statements("commands/ending")

NOT_AGAIN_SECONDS: Final = 60
"""For this long after its execution, a cutoff also answers another request to end its call."""
_NO_LIMIT_VERSION: Final = 0
_ENDED: Final = frozenset({"completed", "failed", "terminated"})


class CallEndedError(Exception):
    """The call has ended already."""


async def end_call(
    connection: Connection, viewer: Viewer, call_id: str, *, role: str, reason: str, now: datetime
) -> CommandRow | None:
    """Request the end of a call; returns the command, or a cutoff that is under way already.

    Returns None if the viewer may not read the call; raises CallEndedError.
    """
    await connection.execute(*_SQL.bind("lock", call_id=call_id))
    call = await connection.fetchrow(*_SQL.bind("call", call_id=call_id, **viewer.parameters))
    if call is None:
        return None
    if call["status"] in _ENDED:
        raise CallEndedError
    current = _SQL.bind("current", call_id=call_id, seconds=NOT_AGAIN_SECONDS)
    command_id: str | None = await connection.fetchval(*current)
    if command_id is None:
        command_id = str(uuid4())
        request = CutoffRequest(
            command_id=command_id,
            call_id=call_id,
            user_id=call["user_id"],
            reason=reason,
            limit_usd=None,
            current_cost=Usd(call["nano"]),
            limit_version=_NO_LIMIT_VERSION,
            alert_id=None,
            requested_at=now,
            crossed_by=None,
            event_time=None,
            requested_by=f"{role} {viewer.user_id}",
        )
        await _insert(connection, request)
    commands = await commands_of_call(connection, viewer, call_id) or ()
    return next(command for command in commands if command.command_id == command_id)


async def _insert(connection: Connection, request: CutoffRequest) -> None:
    inserted = _SQL.bind(
        "request",
        command_id=request.command_id,
        call_id=request.call_id,
        user_id=request.user_id,
        requested_by=request.requested_by,
        reason=request.reason,
        payload=encode(cutoff_event(request)).decode(),
        requested_at=request.requested_at,
        aggregate_type=CALL_COMMAND,
        event_type=CUTOFF_TYPE,
    )
    await connection.execute(*inserted)
