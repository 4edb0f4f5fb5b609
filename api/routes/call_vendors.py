"""`GET /api/costs/call/{callId}/provider`: the vendor of a call, for services that control it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.problems import forbidden
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.call_vendor import read_call_vendor
from schemas.webhooks import CallProvider

_READ: Final = Operation(
    name="getCallProvider",
    tag=Tag.REPORTING,
    summary="Get the vendor of a call and its control address",
    response=CallProvider,
)


class CallVendorRoutes:
    """The route of a call's vendor."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    def routes(self) -> tuple[Route, ...]:
        path = "/api/costs/call/{callId}/provider"
        return (Route("GET", path, Access.EMITTER, self.read, _READ, scope="reserve"),)

    async def read(self, request: web.Request) -> web.Response:
        """Return the vendor, its id of the call, and the address that controls the call."""
        call_id = request.match_info["callId"]
        # The access rule admits services and administrators, who may control all calls.
        viewer = Viewer(request[CALLER].user_id, reads_all=True)
        vendor = await read_call_vendor(self._readers, viewer, call_id)
        if vendor is None:
            raise forbidden()
        return reply(CallProvider(call_id=call_id, **vendor._asdict()))
