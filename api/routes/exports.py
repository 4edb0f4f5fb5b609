"""`GET /api/costs/user/{userId}/export.csv`: a user's data as CSV, streamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final, get_args

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.file_sender import FileSender
from api.http.options import RequestLimits
from api.http.parameters import choice_of, end_of, is_given, start_of, value_of
from api.http.problems import LimitName, invalid_parameter
from api.http.streamed_body import StreamedBody
from api.openapi.operations import CSV, FileBody, Operation, Parameter, Tag
from api.routes.call_lists import ID_PART, STATUS, name_of
from api.routes.csv_lines import header, lines
from api.routes.filters import EXPORT_FILTERS, cost_filter_of
from api.routes.spending import END_DATE, PERIOD, SPAN, START_DATE, DayRange, custom_days, days_of
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.reports.exports import ExportKind, exporting
from ledger.reports.lists import CallFilter

_KINDS: Final[tuple[ExportKind, ...]] = get_args(ExportKind)
TYPE: Final = Parameter(
    "type",
    "The rows: events, calls or days.",
    {"type": "string", "enum": [*_KINDS]},
    required=True,
)
_NAME_CHARACTERS_MAX: Final = 64
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class ExportRoutes:
    """The export route; its `readers` are separate, so that it cannot starve other requests."""

    def __init__(
        self,
        readers: ReaderPool,
        limits: RequestLimits,
        now: Clock,
        count_refusal: Callable[[LimitName], None],
    ) -> None:
        self._readers = readers
        self._now = now
        self._files = FileSender(limits, count_refusal)

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="exportCosts",
            tag=Tag.SPENDING,
            summary="Export a user's data as CSV",
            response=FileBody(
                "The file (RFC 4180, UTF-8, with a header line). It is streamed, and complete only "
                "if the transfer ends without an error. A client that reads it below the minimum "
                "speed is disconnected.",
                CSV,
            ),
            query=(TYPE, *SPAN, *EXPORT_FILTERS, STATUS, ID_PART),
        )
        path = "/api/costs/user/{userId}/export.csv"
        return (Route("GET", path, Access.SELF, self.export, operation),)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Return the file; for a HEAD request only its headers."""
        user_id, viewer = request.match_info["userId"], request[CALLER].viewer
        kind, days = kind_of(request), export_days(request, self._now().date())
        wanted = filter_of(request, kind, days)

        async def write(file: StreamedBody) -> None:
            async with exporting(self._readers, viewer, user_id, kind, wanted) as rows:
                head = header(kind)
                async for chunk in rows:
                    await file.send(head + lines(chunk, wanted.having))
                    head = b""
                await file.send(head)

        return await self._files.send(request, headers_of(kind, user_id, days), write)


def kind_of(request: web.Request) -> ExportKind:
    """Return the requested kind of rows; raises the 400 Problem."""
    kind = value_of(request, TYPE)
    if kind not in _KINDS:
        raise invalid_parameter(TYPE.name, f"must be one of {', '.join(_KINDS)}")
    return kind


def filter_of(request: web.Request, kind: ExportKind, days: DayRange) -> CallFilter:
    """Return the requested filter of the days; raises the 400 Problem."""
    for parameter in (STATUS, ID_PART):
        if kind == "daily" and is_given(request, parameter):
            raise invalid_parameter(parameter.name, "applies to events and calls, not to days")
    return CallFilter(
        start_of(days.first),
        end_of(days.last),
        choice_of(request, STATUS),
        name_of(request, ID_PART),
        cost_filter_of(request, EXPORT_FILTERS),
    )


def export_days(request: web.Request, today: date) -> DayRange:
    """Return the days of the dates or the `period`; raises the 400 Problem."""
    dated = is_given(request, START_DATE) or is_given(request, END_DATE)
    if dated and not is_given(request, PERIOD):
        return custom_days(request)
    return days_of(request, today)


def headers_of(kind: ExportKind, user_id: str, days: DayRange) -> dict[str, str]:
    """Return the headers of a file with a descriptive name."""
    user = _UNSAFE.sub("_", user_id)[:_NAME_CHARACTERS_MAX]
    name = f"cost-analytics-{kind}-{user}-{days.first}-{days.last}.csv"
    return {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": "text/csv; charset=utf-8; header=present",
    }
