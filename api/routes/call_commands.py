"""Commands about a call, for its owner: `…/call/{callId}/end` and `…/call/{callId}/commands`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import checked_reason, read_optional_json
from api.http.options import RequestLimits
from api.http.problems import Problem, forbidden
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from ledger.commands.ending import CallEndedError, end_call
from ledger.commands.lists import CommandRow, commands_of_call
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from schemas.commands import CallCommand, CallCommands, EndRequest

_PATH: Final = "/api/costs/call/{callId}"
_END: Final = Operation(
    name="endCall",
    tag=Tag.CALLS,
    summary="End a call",
    response=CallCommand,
    status=202,
    body=EndRequest,
    example={"reason": "The caller does not respond"},
    optional=True,
    error_statuses=(409,),
)
_LIST: Final = Operation(
    name="listCallCommands",
    tag=Tag.CALLS,
    summary="List the commands about a call",
    response=CallCommands,
)
_NO_REASON: Final = "Ended by hand."


class CallCommandRoutes:
    """The routes of a call's commands."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits, now: Clock) -> None:
        self._readers = readers
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", f"{_PATH}/end", Access.OWNER, self.end, _END),
            Route("GET", f"{_PATH}/commands", Access.OWNER, self.list, _LIST),
        )

    async def end(self, request: web.Request) -> web.Response:
        """Request the end of a call; while a request is under way, return that one."""
        body = await read_optional_json(request, self._limits, EndRequest)
        reason = checked_reason(body.reason, "") if body.reason.strip() else _NO_REASON
        caller, call_id = request[CALLER], request.match_info["callId"]
        try:
            async with self._readers.writing(caller.viewer) as connection:
                command = await end_call(
                    connection,
                    caller.viewer,
                    call_id,
                    role=caller.role,
                    reason=reason,
                    now=self._now(),
                )
        except CallEndedError:
            raise Problem(409, "call_finished", "The call has ended already.") from None
        if command is None:
            raise forbidden()
        return reply(call_command(command), status=202)

    async def list(self, request: web.Request) -> web.Response:
        """Return the commands; 403 for another user's call and for one that does not exist."""
        viewer, call_id = request[CALLER].viewer, request.match_info["callId"]
        async with self._readers.reading(viewer) as connection:
            commands = await commands_of_call(connection, viewer, call_id)
        if commands is None:
            raise forbidden()
        return reply(CallCommands(commands=[*map(call_command, commands)]))


def call_command(row: CommandRow) -> CallCommand:
    """Return a command as the owner of its call sees it."""
    return CallCommand(
        command_id=row.command_id,
        call_id=row.call_id,
        kind=row.kind,
        cause=row.cause,
        state=row.state,
        reason=row.reason,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        ended_at=row.ended_at,
    )
