"""The rights of people, for administrators: a user's data as a file, and erasure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.file_sender import FileSender
from api.http.options import RequestLimits
from api.http.parameters import DRY_RUN, flag, flag_of
from api.http.problems import LimitName, erasure_refused, unavailable
from api.http.replies import reply
from api.http.streamed_body import StreamedBody
from api.openapi.operations import JSON_LINES, FileBody, Operation, Tag
from api.people import ErasureFailedError, PeopleRights
from ledger.postgres.clock import Clock
from schemas.people import ErasureReceipt, ErasureRequest

ALLOW_UNKNOWN: Final = flag(
    "allowUnknown",
    "Whether to erase a user without data in advance, because data may still arrive.",
    default=False,
)
_EXPORT: Final = Operation(
    name="exportUser",
    tag=Tag.PEOPLE,
    summary="Export everything about a user",
    response=FileBody(
        "JSON lines: a description, each row of each table, and the number of rows of each table. "
        "A file without the last line is incomplete. Archived events are not included: "
        "`cost-analytics user export --archive` adds them.",
        JSON_LINES,
    ),
)
_ERASE: Final = Operation(
    name="eraseUser",
    tag=Tag.PEOPLE,
    summary="Show what erasing a user changes; with `dryRun=false`, erase the user",
    response=ErasureReceipt,
    body=ErasureRequest,
    example={"confirm": "user_123"},
    query=(DRY_RUN, ALLOW_UNKNOWN),
    error_statuses=(409,),
)
_FILE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="cost-analytics-user.jsonl"',
    "Content-Type": JSON_LINES,
}


class PeopleRoutes:
    """The routes of people's rights; without a database login for them they answer 503."""

    def __init__(
        self,
        people: PeopleRights | None,
        limits: RequestLimits,
        now: Clock,
        count_refusal: Callable[[LimitName], None],
    ) -> None:
        self._people = people
        self._limits = limits
        self._now = now
        self._files = FileSender(limits, count_refusal)

    def routes(self) -> tuple[Route, ...]:
        path = "/api/admin/users/{userId}"
        return (
            Route("GET", f"{path}/export", Access.ADMIN, self.export, _EXPORT),
            Route("POST", f"{path}/erasure", Access.ADMIN, self.erase, _ERASE),
        )

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Return the file; for a HEAD request only its headers."""
        people, user_id = self._available(), request.match_info["userId"]

        async def write(file: StreamedBody) -> None:
            async with aclosing(people.export(user_id, self._now())) as chunks:
                async for chunk in chunks:
                    await file.send(chunk)

        return await self._files.send(request, _FILE_HEADERS, write)

    async def erase(self, request: web.Request) -> web.Response:
        """Return what an erasure would change; with `dryRun=false`, erase and return what did."""
        dry_run, user_id = flag_of(request, DRY_RUN), request.match_info["userId"]
        allow_unknown = flag_of(request, ALLOW_UNKNOWN)
        people = self._available()
        confirmed = (await read_json(request, self._limits, ErasureRequest)).confirm
        if confirmed != user_id:
            raise erasure_refused("`confirm` must be the user's id, as in the path.")
        author = request[CALLER].author
        try:
            receipt = await people.erase(
                user_id, author, self._now(), dry_run=dry_run, allow_unknown=allow_unknown
            )
        except ErasureFailedError as error:
            raise erasure_refused(str(error)) from None
        return reply(receipt)

    def _available(self) -> PeopleRights:
        if self._people is None:
            raise unavailable("The export and erasure of users")
        return self._people
