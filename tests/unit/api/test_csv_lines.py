"""CSV files read back exactly, and no cell is a formula."""

import csv
import io
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.routes.csv_lines import COLUMNS, header, lines, text_cell
from ledger.charge_plans.descriptions import describe_decision
from ledger.charge_plans.terms import ChargeDecision
from ledger.reports.exports import Exported, ExportedDay, ExportedEvent, ExportKind
from ledger.reports.lists import CallEventRow, ListedCall
from ledger.reports.profit import Profit
from schemas.costs import USUAL_SERVICES

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx", "'", "''=1", '"', ",", "a\r\nb", "ÄÖ€💶", " = 1",
     "＝1", "＋1", "－1", "＠sum", "a;=1", "a\t=1", "a\n=1", "a;'=1", "\t=1", ";;=1", "a; ＝1"]  # noqa: RUF001
)  # fmt: skip
names = texts.filter(bool)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
nanos = st.integers(-(2**63), 2**63 - 1)
numbers = st.decimals(0, 10**12, places=12) | st.decimals(0, 1, places=30)
by_service = st.dictionaries(names | st.sampled_from(USUAL_SERVICES), nanos, max_size=3)
profits = st.builds(Profit, nanos, nanos, nanos, st.just(0))
durations = st.integers(0, 10**12)
tags = st.dictionaries(st.sampled_from(["campaign", "team"]), names)


@st.composite
def events(draw: st.DrawFn) -> ExportedEvent:
    kind = draw(st.sampled_from(["call.started", "cost.recorded", "call.charged", "call.settled"]))
    settled = {
        "infrastructure": draw(by_service),
        "defaultCharge": draw(nanos),
        "defaultFee": draw(nanos),
    }
    event = CallEventRow(
        identity="",
        source=draw(names),
        event_id=draw(names),
        type=kind,
        time=draw(moments),
        recorded_at=draw(moments),
        service=None if kind in {"call.started", "call.settled"} else draw(names),
        operation=draw(st.none() | names),
        model=draw(st.none() | texts),
        usage=draw(st.none() | numbers),
        unit=draw(st.none() | st.sampled_from(["minutes", "tokens"])),
        unit_cost=draw(st.none() | numbers),
        cost_nano=0 if kind in {"call.started", "call.settled"} else draw(nanos),
        amount_nano=0 if kind == "call.settled" else draw(nanos),
        estimated=draw(st.booleans()),
        data=json.dumps(settled) if kind == "call.settled" else draw(st.none() | names),
        voided=draw(st.booleans()),
        tags=draw(st.none() | tags.map(json.dumps)),
    )
    return ExportedEvent(event, draw(names), draw(st.none() | texts), draw(st.none() | names))


plans = st.builds(
    ChargeDecision,
    kind=st.sampled_from(["per_call", "per_minute", "cost_plus", "default"]),
    amount_nano=st.integers(0, 10**15),
    plan_id=st.integers(0, 2**31 - 1),
    plans=st.just(1),
    basis_nano=nanos,
)
calls = st.builds(
    ListedCall, names, names, st.none() | texts, tags, st.sampled_from(["active", "completed"]), durations,
    by_service, profits, st.booleans(), moments, st.none() | moments, st.none() | moments, moments,
    charge_plan=st.none() | plans,
)  # fmt: skip
days = st.builds(ExportedDay, st.dates(), st.integers(0, 10**9), durations, by_service, profits)


# Rows have many cells, so generating them takes a while on a busy machine.
slow_generation = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(kind: ExportKind, rows: list[Any]) -> list[dict[str, str]]:
    """Read a CSV file as a spreadsheet does."""
    written = header(kind) + lines(rows)
    text = written.decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def text(cell: str) -> str | None:
    """Return the text that a cell represents."""
    return re.sub(r"(^|[;\t\r\n])'", r"\1", cell) or None


def moment(cell: str) -> datetime | None:
    return datetime.fromisoformat(cell) if cell else None


def usd(cell: str) -> int:
    nano = Decimal(cell).scaleb(9)
    assert nano == int(nano)
    return int(nano)


def services(line: dict[str, str]) -> dict[str, int]:
    return {name: usd(line[f"{name}_usd"]) for name in (*USUAL_SERVICES, "otherServices")}


def expected_services(costs: dict[str, int]) -> dict[str, int]:
    others = sum(nano for name, nano in costs.items() if name not in USUAL_SERVICES)
    return {name: costs.get(name, 0) for name in USUAL_SERVICES} | {"otherServices": others}


def read_data(data: str | None, kind: str) -> object:
    if kind != "call.settled":
        return data
    return json.loads(data or "", parse_float=Decimal, parse_int=Decimal)


def expected_data(event: CallEventRow) -> object:
    """Return the expected `data` column; amounts of settlements are in dollars."""
    if event.type != "call.settled":
        return event.data or None
    settlement = json.loads(event.data or "")
    shares = settlement.pop("infrastructure")
    dollars = {name: exact(nano) for name, nano in settlement.items()}
    of_services = {name: exact(nano) for name, nano in shares.items()}
    return dollars | {"infrastructure": of_services}


def exact(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


@slow_generation
@given(st.lists(events(), max_size=3))
def test_events_read_back(rows: list[ExportedEvent]) -> None:
    result = iter(read("events", rows))
    for event, call_id, persona_id, sent in rows:
        costs = expected_costs(event)
        paid = expected_amount(event)
        while True:
            line = next(result)
            assert (moment(line["time"]), moment(line["recordedAt"])) == (
                event.time,
                event.recorded_at,
            )
            assert (text(line["callId"]), line["type"]) == (call_id, event.type)
            for name, value in (
                ("personaId", persona_id), ("operation", event.operation), ("operationSent", sent),
                ("model", event.model), ("unit", event.unit), ("source", event.source),
                ("id", event.event_id),
            ):  # fmt: skip
                assert text(line[name]) == (value or None), name
            assert read_data(text(line["data"]), event.type) == expected_data(event)
            assert text(line["tags"]) == event.tags
            for name, number in (("usage", event.usage), ("unitCost_usd", event.unit_cost)):
                assert (Decimal(line[name]) if line[name] else None) == number
            flags = (line["estimated"], line["voided"])
            assert flags == (str(event.estimated).lower(), str(event.voided).lower())
            service = text(line["service"]) or ""
            assert usd(line["cost_usd"]) == costs.pop(service, 0)
            paid -= usd(line["amount_usd"])
            if not any(costs.values()) and paid <= 0:
                break
        assert paid == 0
    assert not list(result)


def expected_costs(event: CallEventRow) -> dict[str, int]:
    if event.type != "call.settled":
        return {event.service: event.cost_nano} if event.service else {}
    settlement = json.loads(event.data or "")
    costs: dict[str, int] = dict(settlement["infrastructure"])
    costs["stripe"] = costs.get("stripe", 0) + settlement["defaultFee"]
    return {name: nano for name, nano in costs.items() if nano}


def expected_amount(event: CallEventRow) -> int:
    if event.type != "call.settled":
        return event.amount_nano
    return int(json.loads(event.data or "")["defaultCharge"])


@slow_generation
@given(st.lists(calls, max_size=3))
def test_calls_read_back(rows: list[ListedCall]) -> None:
    for line, row in zip(read("calls", rows), rows, strict=True):
        assert (text(line["callId"]), text(line["personaId"])) == (
            row.call_id,
            row.persona_id or None,
        )
        times = [moment(line[name]) for name in ("createdAt", "startedAt", "endedAt")]
        assert times == [row.first_at, row.started_at, row.ended_at]
        assert (line["status"], line["estimated"]) == (row.status, str(row.estimated).lower())
        assert json.loads(text(line["tags"]) or "{}") == row.tags
        plan = row.charge_plan
        assert line["chargePlanId"] == (str(plan.plan_id) if plan and plan.plan_id else "")
        assert text(line["chargePlan"]) == (describe_decision(plan) if plan else None)
        assert services(line) == expected_services(row.costs)
        check_sums(line, row.duration_ms, row.profit)


@slow_generation
@given(st.lists(days, max_size=3))
def test_days_read_back(rows: list[ExportedDay]) -> None:
    for line, row in zip(read("daily", rows), rows, strict=True):
        assert (date.fromisoformat(line["date"]), int(line["calls"])) == (row.day, row.calls)
        assert services(line) == expected_services(row.costs)
        check_sums(line, row.duration_ms, row.profit, is_partial=row.is_partial)


def check_sums(
    line: dict[str, str], duration_ms: int, profit: Profit, *, is_partial: bool = False
) -> None:
    assert Decimal(line["duration_seconds"]).scaleb(3) == duration_ms
    assert usd(line["totalCost_usd"]) == profit.cost_nano
    assert usd(line["chargedToUser_usd"]) == profit.charged_nano
    assert usd(line["refunded_usd"]) == profit.refunded_nano
    if is_partial:  # costs of some services only have no profit
        assert line["grossProfit_usd"] == ""
    else:
        assert usd(line["grossProfit_usd"]) == profit.gross_nano


NUMBERS = {name for columns in COLUMNS.values() for name in columns if name.endswith(("_usd", "_seconds"))}  # fmt: skip


@slow_generation
@given(st.lists(events(), max_size=3) | st.lists(calls, max_size=3))
def test_no_cell_is_a_formula(rows: list[Exported]) -> None:
    kind: ExportKind = "events" if rows and isinstance(rows[0], ExportedEvent) else "calls"
    for line in read(kind, rows):
        for name, cell in line.items():
            if name in NUMBERS:
                assert not cell or Decimal(cell).is_finite()
                continue
            for piece in re.split(r"[;\t\r\n]", cell):
                assert not piece.lstrip().startswith(tuple("=+-@＝＋－＠")), name  # noqa: RUF001


@pytest.mark.parametrize(
    ("sent", "cell"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        ("=1", "'=1"),
        ("-", "'-"),
        ("'", "''"),
        ("a=1", "a=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("－1", "'－1"),  # noqa: RUF001
        ("a;=1;b", "a;'=1;b"),
        ("a;'b", "a;''b"),
        ("a\t@b", "a\t'@b"),
        ("\t=1", "'\t'=1"),
    ],
)
def test_formula_starts_are_escaped(sent: str | None, cell: str) -> None:
    assert text_cell(sent) == cell
