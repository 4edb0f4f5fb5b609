"""Exports of a user's data are complete and exact."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.seeded_stream import seeded

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/costs/user/alice/export.csv"
SPAN = "startDate=2025-11-01&endDate=2025-11-30"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


def read(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True))


async def exported(api: ApiClient, query: str, user: str = "alice") -> list[dict[str, str]]:
    response = await api.get(f"/api/costs/user/{user}/export.csv?{query}", user)
    assert response.status == 200, response.body
    return read(response.body)


def nano(cells: list[str]) -> int:
    return int(sum((Decimal(cell) for cell in cells), Decimal(0)).scaleb(9))


async def test_file_has_its_name_and_type(api: ApiClient) -> None:
    response = await api.get(f"{PATH}?type=daily&{SPAN}", "alice")
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="cost-analytics-daily-alice-2025-11-01-2025-11-30.csv"'
    )
    assert response.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.body.count(b"\r\n") == 1
    awkward = "%22..%2F%0D%0A%C3%A4%20x%22"
    name = (await api.ask("GET", f"/api/costs/user/{awkward}/export.csv?type=calls",
                          bearer=token("root", role="admin"))).headers["Content-Disposition"]  # fmt: skip
    assert name == 'attachment; filename="cost-analytics-calls-_.._x_-2025-10-20-2025-11-19.csv"'
    head = await api.ask("HEAD", f"{PATH}?type=events", bearer=token("alice"))
    assert (head.status, head.body) == (200, b"")
    assert "cost-analytics-events-alice" in head.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "type"),
        ("type=everything", "type"),
        ("type=calls&startDate=2025-11-01", "endDate"),
        ("type=calls&startDate=2025-11-02&endDate=2025-11-01", "endDate"),
        ("type=calls&startDate=2024-01-01&endDate=2025-11-01", "endDate"),
        ("type=calls&period=7d&startDate=2025-11-01", "startDate"),
    ],
)
async def test_invalid_parameter_is_named(api: ApiClient, query: str, named: str) -> None:
    response = await api.get(f"{PATH}?{query}", "alice")
    assert response.code == "invalid_parameter"
    assert f"`{named}`" in response.json["error"]


async def test_file_holds_only_the_requested_days_of_its_user(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for number, (user, days_ago) in enumerate(
        [("alice", 0), ("alice", 19), ("alice", 18), ("alice", -12), ("bob", 1)]
    ):
        call = LiveCallRow(call_id=f"c{number}", user_id=user, at=NOW - timedelta(days=days_ago))
        await ledger.call(call)
        await ledger.event(call, service="twilio", cost_nano=1)
    assert [row["callId"] for row in await exported(api, f"type=calls&{SPAN}")] == ["c0", "c2"]
    assert [row["callId"] for row in await exported(api, f"type=events&{SPAN}")] == ["c0", "c2"]
    days = [row["date"] for row in await exported(api, f"type=daily&{SPAN}")]
    assert days == ["2025-11-01", "2025-11-19"]
    assert (await exported(api, "type=daily&startDate=9999-12-30&endDate=9999-12-31")) == []
    assert (await api.get(f"{PATH}?type=calls", "bob")).code == "forbidden"


async def test_file_agrees_with_the_ledger(database_url: str, api: ApiClient) -> None:
    """With late and repeated events, voids and refunds: each sum is that of the ledger."""
    log, stream = TopicLog(), seeded(2_000)
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(one.value for one in stream.sent if one.value))
    today = datetime.now(UTC).date()
    span = f"startDate={today - timedelta(days=3)}&endDate={today}"
    users = [row[0] for row in await fetch(database_url, "SELECT DISTINCT user_id FROM user_days")]
    assert len(users) > 10
    lines = {
        kind: [row for user in users for row in await exported(api, f"type={kind}&{span}", user)]
        for kind in ("events", "calls", "daily")
    }
    totals = """
        SELECT (SELECT sum(cost_nano)::bigint FROM user_day_costs) AS cost,
               (SELECT sum(charged_nano)::bigint FROM user_days) AS charged,
               (SELECT sum(refunded_nano)::bigint FROM user_days) AS refunded
    """
    [ledger] = await fetch(database_url, totals)
    for kind in ("calls", "daily"):
        assert nano([row["totalCost_usd"] for row in lines[kind]]) == ledger["cost"]
        assert nano([row["chargedToUser_usd"] for row in lines[kind]]) == ledger["charged"]
        assert nano([row["refunded_usd"] for row in lines[kind]]) == ledger["refunded"]
    counted = [row for row in lines["events"] if row["voided"] == "false"]
    assert nano([row["cost_usd"] for row in counted]) == ledger["cost"]
    paid = [r["amount_usd"] for r in counted if r["type"] in {"call.charged", "call.settled"}]
    assert nano(paid) == ledger["charged"]
    [(entries,)] = await fetch(
        database_url, "SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled'"
    )
    own = [row for row in lines["events"] if row["type"] != "call.settled"]
    assert len({(row["source"], row["id"]) for row in own}) == len(own) == entries
    [(calls,)] = await fetch(database_url, "SELECT count(*) FROM calls WHERE user_id IS NOT NULL")
    assert sum(int(row["calls"]) for row in lines["daily"]) == len(lines["calls"]) == calls
    by_service = await fetch(
        database_url, "SELECT service, sum(cost_nano)::bigint FROM user_day_costs GROUP BY 1"
    )
    for service, cost in by_service:
        of_service = [row["cost_usd"] for row in counted if row["service"] == service]
        assert nano(of_service) == cost, service


async def test_longest_period_is_that_of_spending(api: ApiClient) -> None:
    first = date(2025, 11, 19) - timedelta(days=399)
    query = f"type=calls&startDate={first}&endDate=2025-11-19"
    assert (await api.get(f"{PATH}?{query}", "alice")).status == 200


async def test_amounts_stay_numbers(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await ledger.call(
        LiveCallRow(
            call_id="=1+1", user_id="alice", at=NOW, costs={"twilio": 3 * CENT}, charged=CENT
        )
    )
    [line] = await exported(api, f"type=calls&{SPAN}")
    assert (line["callId"], line["grossProfit_usd"]) == ("'=1+1", "-0.02")


async def test_row_policies_apply_to_exports(database_url: str, ledger: LedgerRowWriter) -> None:
    from ledger.postgres.statements import statements

    call = LiveCallRow(call_id="bobs", user_id="bob", at=NOW)
    await ledger.call(call)
    await ledger.event(call, service="twilio", cost_nano=1)
    span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
    exports = statements("reports/exports")
    connection = await asyncpg.connect(database_url)
    for kind in exports:
        for viewer_id, reads_all, seen in (
            ("alice", False, 0),
            ("bob", False, 1),
            ("root", True, 1),
        ):
            viewer = {"viewer_id": viewer_id, "reads_all": reads_all}
            parameters = exports.statement(kind).parameters
            given = {"user_id": "bob", "unknown_persona": "unknown", **viewer, **span}
            statement = exports.bind(kind, **{name: given.get(name) for name in parameters})
            assert len(await connection.fetch(*statement)) == seen
    await connection.close()
