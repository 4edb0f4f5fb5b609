"""Rankings over all users: sums agree with the days, in any order, for administrators only."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.top import TopKind, TopRanking, read_top_report
from tests.support.api import ApiClient, served_from, token
from tests.support.attacks import AttackRecorder
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.logins import as_login
from tests.support.recording import fetch

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/admin/costs/top"
ROOT = token("root", role="admin")
DAYS = (date(2025, 11, 1), date(2025, 11, 30))
CALLS = (
    # user, persona, days ago, cost of twilio and of stripe, charged
    ("alice", "brad_001", 0, 300, 20, 499),
    ("alice", "coach_lee_001", 1, 100, 20, 499),
    ("bob", "brad_001", 1, 700, 5, 100),
    ("carol", None, 3, 50, 30, 999),
    ("carol", "brad_001", 40, 9_000, 30, 999),  # outside of 30 days
)
"""Money is cents."""


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        for number, (user, persona, days_ago, twilio, stripe, charged) in enumerate(CALLS):
            call = LiveCallRow(
                call_id=f"c{number}",
                user_id=user,
                persona_id=persona,
                at=NOW - timedelta(days=days_ago),
                costs={"twilio": twilio * CENT, "stripe": stripe * CENT},
                charged=charged * CENT,
            )
            await ledger.call(call)
        yield ledger


@pytest.fixture
async def api(database_url: str, ledger: LedgerRowWriter) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def top(api: ApiClient, query: str) -> dict[str, Any]:
    data: dict[str, Any] = (await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)).data
    return data


async def names(api: ApiClient, query: str) -> list[str]:
    return [entry["name"] for entry in (await top(api, query))["entries"]]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("user", [("bob", 705), ("alice", 440), ("carol", 80)]),
        ("persona", [("brad_001", 1025), ("coach_lee_001", 120), ("unknown", 80)]),
        ("service", [("twilio", 1150), ("stripe", 75)]),
        ("day", [("2025-11-18", 825), ("2025-11-19", 320), ("2025-11-16", 80)]),
    ],
)
async def test_most_expensive_come_first(
    api: ApiClient, by: str, expected: list[tuple[str, int]]
) -> None:
    body = await top(api, f"by={by}&period=30d")
    assert [(e["name"], round(e["totalCost"] * 100)) for e in body["entries"]] == expected
    assert (body["totalEntries"], body["totalCost"] * 100) == (len(expected), 1225)
    assert (body["by"], body["sort"], body["order"]) == (by, "cost", "desc")
    analytics = await api.ask("GET", "/api/admin/costs/analytics?period=30d", bearer=ROOT)
    assert body["totalCost"] == analytics.data["totalCost"]
    assert body["period"] == analytics.data["period"]


async def test_entry_has_the_totals_of_its_calls(api: ApiClient) -> None:
    [entry, *_] = (await top(api, "by=user&sort=calls"))["entries"]
    cost, charged = entry["totalCost"], entry["chargedToUser"]
    assert (entry["name"], entry["calls"], entry["totalDuration_seconds"]) == ("alice", 2, 600)
    assert (cost * 100, charged * 100, entry["refunded"]) == (440, 998, 0)
    assert entry["grossProfit"] == charged - cost
    assert (entry["costPercent"], entry["grossMarginPercent"]) == ("35.92%", "55.91%")
    [twilio, _] = (await top(api, "by=service"))["entries"]
    assert twilio["costPercent"] == "93.88%"
    assert {twilio[name] for name in entry if name not in TOLD_OF_SERVICES} == {None}


TOLD_OF_SERVICES = {"name", "totalCost", "costPercent"}


async def test_entries_can_be_sorted_both_ways(api: ApiClient) -> None:
    for sort, expected in {
        "cost": ["bob", "alice", "carol"],
        "charged": ["carol", "alice", "bob"],
        "profit": ["carol", "alice", "bob"],
        "calls": ["alice", "bob", "carol"],
        "name": ["carol", "bob", "alice"],
    }.items():
        assert await names(api, f"sort={sort}&order=desc") == expected, sort
        # Equal entries are in the order of their names, both ways.
        backwards = ["bob", "carol", "alice"] if sort == "calls" else expected[::-1]
        assert await names(api, f"sort={sort}&order=asc") == backwards, sort
    assert await names(api, "sort=name") == ["alice", "bob", "carol"]
    assert await names(api, "by=day&sort=name&order=asc&limit=1") == ["2025-11-16"]


async def test_number_of_all_entries_does_not_depend_on_the_limit(api: ApiClient) -> None:
    body = await top(api, "limit=1")
    assert (len(body["entries"]), body["totalEntries"]) == (1, 3)
    assert body["totalCost"] * 100 == 1225
    assert (await top(api, "period=90d"))["totalCost"] * 100 == 1225 + 9_030
    empty = await top(api, "period=custom&startDate=2024-01-01&endDate=2024-01-31")
    assert (empty["entries"], empty["totalEntries"], empty["totalCost"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("by=call", "by"),
        ("sort=size", "sort"),
        ("by=service&sort=calls", "sort"),
        ("order=up", "order"),
        ("limit=501", "limit"),
        ("period=1d", "period"),
    ],
)
async def test_bad_parameter_is_named(api: ApiClient, query: str, parameter: str) -> None:
    response = await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)
    assert response.status == 400
    assert f"`{parameter}`" in response.json["error"]


KINDS: tuple[TopKind, ...] = ("user", "persona", "service", "day")


async def test_only_admins_see_rankings(
    api: ApiClient, database_url: str, record_attack: AttackRecorder
) -> None:
    attempts = refused = 0
    for role in ("user", "service"):
        for by in KINDS:
            response = await api.ask("GET", f"{PATH}?by={by}", bearer=token("alice", role=role))
            attempts += 1
            refused += response.status == 403 and b"bob" not in response.body
    record_attack("rankings of all users: by others", attempts=attempts, refused=refused)
    values = {
        "first_day": DAYS[0], "last_day": DAYS[1], "sort": "cost", "descending": True,
        "limit": 10, "unknown_persona": "unknown",
    }  # fmt: skip
    top_statement = statements("reports/top")
    async with reader_pool(as_login(database_url, "api")) as readers:
        for by in KINDS:
            order = TopRanking(by, "cost", descending=True, limit=10)
            for viewer, seen in ((Viewer("alice"), False), (Viewer("root", reads_all=True), True)):
                report = await read_top_report(readers, viewer, DAYS, order)
                assert bool(report.entries) is bool(report.cost_nano) is seen
                # Without row policies.
                bound = top_statement.bind("top", by=by, reads_all=viewer.reads_all, **values)
                assert bool(await fetch(database_url, *bound)) is seen
                # Without the condition of the statement, row policies hide other users.
                bound = top_statement.bind("top", by=by, reads_all=True, **values)
                async with readers.reading(viewer) as connection:
                    found = [row["cost_nano"] for row in await connection.fetch(*bound)]
                own = 440 * CENT if by in {"user", "persona"} else 0
                assert sum(found) == (1225 * CENT if seen else own), by
