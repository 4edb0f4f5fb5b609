"""Calls whose events wait for a user, for administrators: `/api/admin/held-calls`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.paging import CURSOR, LIMIT, limit_of
from api.http.parameters import value_of
from api.http.problems import invalid_body, invalid_parameter, not_found, refused
from api.http.replies import reply
from api.intake.event_stream import EventStream
from api.intake.owner_events import owner_event
from api.intake.publishing import accepted, publish, require_stream
from api.openapi.operations import Operation, Tag
from ledger.operations.held_calls import is_held, list_held_calls
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from schemas.intake import Accepted
from schemas.refusals import Refused
from schemas.webhooks import Assignment, HeldCall, HeldCallPage

_PATH: Final = "/api/admin/held-calls"
_LIST: Final = Operation(
    name="listHeldCalls",
    tag=Tag.WEBHOOKS,
    summary="List the calls whose events wait for a user",
    response=HeldCallPage,
    query=(CURSOR, LIMIT),
)
_ASSIGN: Final = Operation(
    name="assignHeldCall",
    tag=Tag.WEBHOOKS,
    summary="Assign a call to a user",
    response=Accepted,
    status=202,
    body=Assignment,
    example={"userId": "alice"},
    error_statuses=(404,),
)


class HeldCallRoutes:
    """The routes of held calls; without a stream, assigning answers 503."""

    def __init__(
        self, readers: ReaderPool, stream: EventStream | None, limits: RequestLimits, now: Clock
    ) -> None:
        self._readers = readers
        self._stream = stream
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        assign = f"{_PATH}/{{callId}}/assign"
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", assign, Access.ADMIN, self.assign, _ASSIGN),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return calls with held events, by id."""
        limit, after = limit_of(request), value_of(request, CURSOR) or ""
        if after and (flaw := identifier_error(after)) is not None:
            raise invalid_parameter("cursor", flaw)
        async with self._readers.reading(request[CALLER].viewer) as connection:
            rows = await list_held_calls(connection, after, limit + 1)
        shown = [HeldCall(**row._asdict()) for row in rows[:limit]]
        following = shown[-1].call_id if len(rows) > limit else None
        return reply(HeldCallPage(calls=shown, next_cursor=following))

    async def assign(self, request: web.Request) -> web.Response:
        """Name the user of a call; its held events are counted once the stream's worker reads it.

        Only the first assignment of a call counts.
        """
        call_id = request.match_info["callId"]
        user_id = (await read_json(request, self._limits, Assignment)).user_id
        if (flaw := identifier_error(user_id)) is not None:
            raise invalid_body(f"`userId` {flaw}.")
        async with self._readers.reading(request[CALLER].viewer) as connection:
            if not await is_held(connection, call_id):
                raise not_found("The call has no held events.")
        stream = require_stream(self._stream)
        try:
            event = owner_event(call_id, user_id, self._now())
        except Refused as refusal:
            raise refused(refusal) from None
        await publish(stream, [event])
        return accepted([event])
