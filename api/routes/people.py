"""The rights of people, for administrators: a user's data as a file, and erasure."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Final

from aiohttp import hdrs, web

from api.http.access import ADDRESS, CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.parameters import flag, flag_of
from api.http.problems import erasure_refused, unavailable
from api.http.replies import reply
from api.http.slots import SlotPool
from api.http.streamed_body import ClientGoneError, StreamedBody
from api.openapi.operations import JSON_LINES, FileBody, Operation, Tag
from api.people import ErasureFailedError, PeopleRights
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import StoreUnavailableError
from schemas.people import ErasureReceipt, ErasureRequest

DRY_RUN: Final = flag("dryRun", "Whether to preview only.", default=True)
ALLOW_UNKNOWN: Final = flag(
    "allowUnknown",
    "Whether to erase a user id that no data names, because data may still arrive.",
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

_log: Final = logging.getLogger(__name__)


class PeopleRoutes:
    """The routes of people's rights; without a database login for them they answer 503."""

    def __init__(self, people: PeopleRights | None, limits: RequestLimits, now: Clock) -> None:
        self._people = people
        self._limits = limits
        self._now = now
        self._slots = SlotPool(
            limits.exports, limits.exports_per_user, limits.exports_per_address, "exports"
        )

    def routes(self) -> tuple[Route, ...]:
        path = "/api/admin/users/{userId}"
        return (
            Route("GET", f"{path}/export", Access.ADMIN, self.export, _EXPORT),
            Route("POST", f"{path}/erasure", Access.ADMIN, self.erase, _ERASE),
        )

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Return the file; for a HEAD request only its headers."""
        people = self._available()
        file = StreamedBody(
            request,
            {
                "Cache-Control": "no-store",
                "Content-Disposition": 'attachment; filename="cost-analytics-user.jsonl"',
                "Content-Type": JSON_LINES,
            },
            self._limits.send_seconds,
            self._limits.export_bytes_per_second,
        )
        if request.method == hdrs.METH_HEAD:
            return file.response
        with self._slots.taken(request[CALLER].user_id, request[ADDRESS]):
            try:
                async with asyncio.timeout(self._limits.export_seconds):
                    lines = people.export(request.match_info["userId"], self._now())
                    async with aclosing(lines) as chunks:
                        async for chunk in chunks:
                            await file.send(chunk)
                    return await file.end()
            except (ClientGoneError, StoreUnavailableError, TimeoutError) as error:
                if not file.has_begun:
                    raise StoreUnavailableError(str(error)) from error
                _log.warning("export aborted: %s", error, extra={"action": "export_broken_off"})
                return file.abort()
            except BaseException:  # a file that ends here is incomplete, whatever the error
                file.abort()
                raise

    async def erase(self, request: web.Request) -> web.Response:
        """Show what an erasure changes; with `dryRun=false`, after doing it."""
        is_dry, user_id = flag_of(request, DRY_RUN), request.match_info["userId"]
        allow_unknown = flag_of(request, ALLOW_UNKNOWN)
        people = self._available()
        confirmed = (await read_json(request, self._limits, ErasureRequest)).confirm
        if confirmed != user_id:
            raise erasure_refused("`confirm` must be the user's id, as in the path.")
        author = f"admin {request[CALLER].user_id}"
        try:
            receipt = await people.erase(
                user_id, author, self._now(), is_dry=is_dry, allow_unknown=allow_unknown
            )
        except ErasureFailedError as error:
            raise erasure_refused(str(error)) from None
        return reply(receipt)

    def _available(self) -> PeopleRights:
        if self._people is None:
            raise unavailable("The export and erasure of users")
        return self._people
