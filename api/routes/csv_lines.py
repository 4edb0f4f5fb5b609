"""CSV exports: their columns, and the lines of each row, for RFC 4180 and spreadsheets.

Money and other numbers are exact decimals. A spreadsheet may split a cell at `;`, a tab or a line
break, so each part counts as a cell. An apostrophe is inserted before a part that a spreadsheet
could run as a formula, or that begins with an apostrophe. Removing the first apostrophe of each
part restores the text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from api.routes.call_lists import data_of, listed_quantities
from ledger.charge_plans.descriptions import describe_decision
from ledger.prices.catalogue import DEFAULT_PROCESSOR
from ledger.reports.exports import Exported, ExportedDay, ExportedEvent, ExportKind
from ledger.reports.filters import NO_FILTER, CostFilter
from ledger.reports.lists import CallEventRow, ListedCall
from schemas.costs import USUAL_SERVICES
from schemas.exact import exact_text
from schemas.jsonio import encode
from schemas.money import usd_text

_OFFSET: Final = len("+00:00")
_GUARDED_PIECE: Final = re.compile(r"(^|[;\t\r\n])(?=[\t\r\n']|\s*[=+\-@＝＋－＠])")  # noqa: RUF001
_SERVICES: Final = (*(f"{service}_usd" for service in USUAL_SERVICES), "otherServices_usd")

COLUMNS: Final[Mapping[ExportKind, tuple[str, ...]]] = {
    "events": (
        "time", "recordedAt", "callId", "personaId", "type", "service", "operation",
        "operationSent", "model", "usage", "unit", "unitCost_usd", "cost_usd", "amount_usd",
        "estimated", "voided", "source", "id", "data", "usages", "tags", "legId",
    ),
    "calls": (
        "callId", "personaId", "status", "createdAt", "startedAt", "endedAt", "duration_seconds",
        "totalCost_usd", "chargedToUser_usd", "refunded_usd", "grossProfit_usd", "estimated",
        *_SERVICES, "tags", "chargePlanId", "chargePlan",
    ),
    "daily": (
        "date", "calls", "duration_seconds", "totalCost_usd", "chargedToUser_usd", "refunded_usd",
        "grossProfit_usd", *_SERVICES,
    ),
}  # fmt: skip
"""The header line of each kind of export."""


def header(kind: ExportKind) -> bytes:
    """Return the header line."""
    return _write_lines([COLUMNS[kind]])


def lines(rows: Iterable[Exported], filters: CostFilter = NO_FILTER) -> bytes:
    """Return rows as CSV lines; a filter of costs leaves out events without a matching cost."""
    return _write_lines(line for row in rows for line in _cells(row, filters))


def _write_lines(cells: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(cells)
    return out.getvalue().encode()


def text_cell(text: str | None) -> str:
    """Return text as a cell that no spreadsheet runs as a formula."""
    return _GUARDED_PIECE.sub(r"\1'", text) if text else ""


def _cells(row: Exported, filters: CostFilter) -> Iterator[tuple[str, ...]]:
    if isinstance(row, ExportedEvent):
        for part in _parts(row):
            if not filters.narrows_costs:
                yield _event_cells(part)
            elif part.event.service and filters.matches_cost(part.event.service, part.event.model):
                yield _event_cells(part._replace(event=part.event._replace(amount_nano=0)))
    else:
        yield _call_cells(row) if isinstance(row, ListedCall) else _day_cells(row)


def _parts(row: ExportedEvent) -> Iterator[ExportedEvent]:
    """Yield a row for each service with a cost of the event, so that column sums are right.

    The user's charge is in the last row.
    """

    def part(
        event: CallEventRow, service: str | None, cost_nano: int, amount_nano: int
    ) -> ExportedEvent:
        return row._replace(
            event=event._replace(service=service, cost_nano=cost_nano, amount_nano=amount_nano)
        )

    event = row.event
    settlement = event.settlement()
    if settlement is None:
        yield row
        return
    shares = {service: nano for service, nano in settlement.infrastructure.items() if nano}
    last, amount_nano = settlement.default_fee, settlement.default_charge
    last += shares.pop(DEFAULT_PROCESSOR, 0)
    roundings = [rounding for rounding in settlement.roundings if rounding.nano]
    for service, nano in shares.items():
        yield part(event, service, nano, 0)
    for rounding in roundings:
        leg = event._replace(
            operation=rounding.operation, model=rounding.model, leg_id=rounding.leg_id
        )
        yield part(leg, rounding.service, rounding.nano, 0)
    if last or amount_nano or not (shares or roundings):
        processor = DEFAULT_PROCESSOR if last or amount_nano else None
        yield part(event, processor, last, amount_nano)


def _event_cells(row: ExportedEvent) -> tuple[str, ...]:
    event = row.event
    cost_nano, amount_nano = event.cost_nano, event.amount_nano
    return (
        _time(event.time),
        _time(event.recorded_at),
        text_cell(row.call_id),
        text_cell(row.persona_id),
        event.type,
        text_cell(event.service),
        text_cell(event.operation),
        text_cell(row.operation_sent),
        text_cell(event.model),
        _number(event.usage),
        event.unit or "",
        _number(event.unit_cost),
        usd_text(cost_nano) if cost_nano else "0",
        usd_text(amount_nano) if amount_nano else "0",
        _flag(event.estimated),
        _flag(event.voided),
        text_cell(event.source),
        text_cell(event.event_id),
        text_cell(data_of(event)),
        encode(listed_quantities(event)).decode() if event.usages else "",
        text_cell(event.tags),
        text_cell(event.leg_id),
    )


def _call_cells(row: ListedCall) -> tuple[str, ...]:
    plan = row.charge_plan
    return (
        text_cell(row.call_id),
        text_cell(row.persona_id),
        row.status,
        _time(row.first_at),
        _time(row.started_at),
        _time(row.ended_at),
        _seconds(row.duration_ms),
        usd_text(row.profit.cost_nano),
        usd_text(row.profit.charged_nano),
        usd_text(row.profit.refunded_nano),
        usd_text(row.profit.gross_nano),
        _flag(row.estimated),
        *_by_service(row.costs),
        text_cell(encode(row.tags).decode() if row.tags else None),
        str(plan.plan_id) if plan is not None and plan.plan_id else "",
        text_cell(describe_decision(plan)) if plan is not None else "",
    )


def _day_cells(row: ExportedDay) -> tuple[str, ...]:
    return (
        row.day.isoformat(),
        str(row.calls),
        _seconds(row.duration_ms),
        usd_text(row.profit.cost_nano),
        usd_text(row.profit.charged_nano),
        usd_text(row.profit.refunded_nano),
        "" if row.is_partial else usd_text(row.profit.gross_nano),
        *_by_service(row.costs),
    )


def _by_service(costs: Mapping[str, int]) -> Iterator[str]:
    for service in USUAL_SERVICES:
        yield usd_text(costs.get(service, 0))
    yield usd_text(sum(nano for name, nano in costs.items() if name not in USUAL_SERVICES))


def _time(time: datetime | None) -> str:
    return "" if time is None else f"{time.isoformat()[:-_OFFSET]}Z"


def _number(value: Decimal | None) -> str:
    return "" if value is None else exact_text(value)


def _seconds(milliseconds: int) -> str:
    return exact_text(Decimal(milliseconds).scaleb(-3))


def _flag(value: bool) -> str:
    return "true" if value else "false"
