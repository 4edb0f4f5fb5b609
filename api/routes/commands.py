"""All commands with their attempts, and their mode, for administrators: `/api/admin/commands`."""

from __future__ import annotations

from typing import Final, cast

import msgspec
from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import checked_reason, read_json
from api.http.options import RequestLimits
from api.http.paging import CURSOR, LIMIT, limit_of, row_number_of
from api.http.parameters import choice, choice_of
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from api.routes.call_commands import call_command
from ledger.commands.lists import (
    AttemptRow,
    CommandRow,
    ModeRow,
    attempts_of,
    list_commands,
    list_modes,
    set_mode,
)
from ledger.postgres.viewers import ReaderPool
from schemas.commands import (
    STATES,
    CommandAttempt,
    CommandModeChange,
    CommandModes,
    CommandPage,
    CommandState,
    ListedCommand,
    WantedMode,
)

_PATH: Final = "/api/admin/commands"
_MODE: Final = f"{_PATH}/mode"
STATE: Final = choice("state", "Filters by state.", STATES)
_LIST: Final = Operation(
    name="listCommands",
    tag=Tag.CONTROL,
    summary="List commands with their attempts, newest first",
    response=CommandPage,
    query=(STATE, CURSOR, LIMIT),
)
_READ_MODE: Final = Operation(
    name="getCommandMode",
    tag=Tag.CONTROL,
    summary="Get the mode of commands, and its changes",
    response=CommandModes,
)
_SET_MODE: Final = Operation(
    name="setCommandMode",
    tag=Tag.CONTROL,
    summary="Stop or resume all commands, or only record them",
    response=CommandModes,
    body=WantedMode,
    example={"mode": "stopped", "reason": "Calls end that should not"},
)


class CommandRoutes:
    """The routes of commands and of their mode."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("GET", _MODE, Access.ADMIN, self.mode, _READ_MODE),
            Route("PUT", _MODE, Access.ADMIN, self.set_mode, _SET_MODE),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return a page of commands."""
        limit, before = limit_of(request), row_number_of(request)
        state = cast("CommandState | None", choice_of(request, STATE))
        async with self._readers.reading(request[CALLER].viewer) as connection:
            rows = await list_commands(connection, before=before, state=state, limit=limit + 1)
            shown = rows[:limit]
            attempts = await attempts_of(connection, [row.command_id for row in shown])
        following = str(shown[-1].seq) if len(rows) > limit else None
        commands = [_listed(row, attempts.get(row.command_id, [])) for row in shown]
        return reply(CommandPage(commands=commands, next_cursor=following))

    async def mode(self, request: web.Request) -> web.Response:
        """Return the mode in force and its changes."""
        async with self._readers.reading(request[CALLER].viewer) as connection:
            modes = await list_modes(connection)
        return reply(_modes(modes))

    async def set_mode(self, request: web.Request) -> web.Response:
        """Set the mode, which all processes apply immediately."""
        wanted = await read_json(request, self._limits, WantedMode)
        reason, caller = checked_reason(wanted.reason, "Say why the mode changes."), request[CALLER]
        async with self._readers.writing(caller.viewer) as connection:
            await set_mode(connection, wanted.mode, reason, changed_by=caller.author)
            modes = await list_modes(connection)
        return reply(_modes(modes))


def _listed(row: CommandRow, attempts: list[AttemptRow]) -> ListedCommand:
    return ListedCommand(
        **msgspec.structs.asdict(call_command(row)),
        user_id=row.user_id,
        target=row.target,
        outcome=row.outcome,
        attempts=[CommandAttempt(**attempt._asdict()) for attempt in attempts],
    )


def _modes(rows: list[ModeRow]) -> CommandModes:
    changes = [CommandModeChange(**row._asdict()) for row in rows]
    return CommandModes(mode=changes[0].mode, changes=changes)
