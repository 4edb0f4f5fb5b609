"""Reads commands for people, and changes the mode in which processes execute them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.commands import (
    CommandCause,
    CommandKind,
    CommandMode,
    CommandOutcome,
    CommandState,
)

_SQL: Final = statements("commands/lists")

MODES_MAX: Final = 20


class CommandRow(NamedTuple):
    """A command; `outcome` says why it ended in this state."""

    command_id: str
    seq: int
    call_id: str
    user_id: str
    kind: CommandKind
    cause: CommandCause
    state: CommandState
    reason: str
    requested_by: str | None
    requested_at: datetime
    ended_at: datetime | None
    target: str | None
    outcome: str | None


class AttemptRow(NamedTuple):
    """An attempt; `outcome` is None while it is under way."""

    number: int
    at: datetime
    target: str | None
    outcome: CommandOutcome | None
    status: str | None
    error: str | None
    duration_ms: int | None


class ModeRow(NamedTuple):
    """A mode, and who put it in force, when and why."""

    mode: CommandMode
    reason: str
    changed_by: str
    changed_at: datetime


async def commands_of_call(
    connection: Connection, viewer: Viewer, call_id: str
) -> list[CommandRow] | None:
    """Return a call's latest commands, newest first; None if the viewer may not read the call."""
    rows = await connection.fetch(*_SQL.bind("of_call", call_id=call_id, **viewer.parameters))
    if not rows:
        return None
    return [CommandRow(*tuple(row)[1:]) for row in rows if row["command_id"] is not None]


async def list_commands(
    connection: Connection, *, before: int | None, state: CommandState | None, limit: int
) -> list[CommandRow]:
    """Return a page of all commands, newest first; empty except for administrators."""
    rows = await connection.fetch(*_SQL.bind("page", before=before, state=state, limit=limit))
    return [CommandRow(*row) for row in rows]


async def attempts_of(
    connection: Connection, command_ids: Sequence[str]
) -> dict[str, list[AttemptRow]]:
    """Return the attempts of commands, in their order."""
    attempts: dict[str, list[AttemptRow]] = defaultdict(list)
    for row in await connection.fetch(*_SQL.bind("attempts", command_ids=command_ids)):
        attempts[row["command_id"]].append(AttemptRow(*tuple(row)[1:]))
    return attempts


async def list_modes(connection: Connection) -> list[ModeRow]:
    """Return the newest modes, of which the first one is in force."""
    rows = await connection.fetch(*_SQL.bind("modes", limit=MODES_MAX))
    return [ModeRow(*row) for row in rows]


async def set_mode(
    connection: Connection, mode: CommandMode, reason: str, *, changed_by: str
) -> None:
    """Put a mode in force: from the commit on, all processes claim commands by it."""
    await connection.execute(_SQL["lock_modes"])
    changed = _SQL.bind("set_mode", mode=mode, reason=reason, changed_by=changed_by)
    await connection.execute(*changed)
