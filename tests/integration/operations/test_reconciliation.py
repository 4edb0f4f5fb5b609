"""Reconciliation: events, calls, users' days and totals of all users agree; vendor bills may not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.postgres.statements import statements
from tests.support.api import ApiClient, served_from, token
from tests.support.command import run_command
from tests.support.events import charged, cost, ended, refunded, started, voided
from tests.support.ledger_rows import CENT, LiveCallRow, rows
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.seeded_stream import seeded

PATH = "/api/admin/reconciliation"
ROOT = token("root", role="admin")
TODAY = datetime.now(UTC).date()
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=TODAY) as api:
        yield api


async def reconciliation(api: ApiClient, query: str = "") -> dict[str, Any]:
    data: dict[str, Any] = (await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)).data
    return data


async def record(database_url: str, *batches: list[Any]) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for batch in batches:
            await writer.record(log.batch(batch))


async def test_recorded_stream_has_no_difference(database_url: str) -> None:
    await record(database_url, [one.value for one in seeded(3_000).sent if one.value])
    async with served_from(database_url) as api:  # of today
        body = await reconciliation(api)
    assert body["differences"] == 0
    assert len(body["days"]) >= 1
    for day in body["days"]:
        assert len(set(day["calls"].values())) == len(set(day["totalCost"].values())) == 1
    whole = "SELECT sum(cost_nano)::bigint FROM user_day_costs"
    [(nano,)] = await fetch(database_url, whole)
    assert sum(day["totalCost"]["events"] for day in body["days"]) == Decimal(nano).scaleb(-9)
    assert nano > 0


def over_midnight() -> list[Any]:
    """Calls that start, end, are charged, voided and refunded on different days."""
    before, after = MIDNIGHT - timedelta(days=1, minutes=1), MIDNIGHT - timedelta(hours=23)
    wrong = cost("one", "alice", time=before, usage=50)
    return [
        started("one", "alice", time=before),
        wrong,
        cost("one", "alice", time=after),
        ended("one", "alice", time=after),
        voided(wrong, "one", "alice", time=MIDNIGHT),
        refunded("one", "alice", time=MIDNIGHT),
        cost("two", "bob", time=after),
        charged("two", "bob", time=after),
        ended("two", "bob", time=before),
    ]


@pytest.mark.parametrize("size", [1, 3, 9])
async def test_every_period_adds_up_across_midnight(
    database_url: str, api: ApiClient, size: int
) -> None:
    events = over_midnight()
    parts = [events[start : start + size] for start in range(0, len(events), size)]
    await record(database_url, *reversed(parts))
    whole = await reconciliation(api)
    assert whole["differences"] == 0
    assert [day["calls"]["events"] for day in whole["days"]] == [2, 0, 0]
    days = [TODAY - timedelta(days=number) for number in (3, 2, 1, 0)]
    for first in days:
        for last in days:
            if first <= last:
                part = await reconciliation(api, f"period=custom&startDate={first}&endDate={last}")
                wanted = [d for d in whole["days"] if str(first) <= d["date"] <= str(last)]
                assert part["days"] == wanted


async def test_long_periods_add_up_across_the_parts_that_are_read_at_once(
    database_url: str, api: ApiClient
) -> None:
    at = MIDNIGHT - timedelta(days=31)  # the end of one part and the start of the next
    wrong = cost("long", "alice", time=at - timedelta(minutes=2), usage=50)
    await record(
        database_url,
        [
            started("long", "alice", time=at - timedelta(days=1)),
            wrong,
            cost("long", "alice", time=at + timedelta(minutes=2)),
            ended("long", "alice", time=at + timedelta(minutes=3)),
            voided(wrong, "long", "alice", time=MIDNIGHT),
        ],
    )
    first = TODAY - timedelta(days=62)
    body = await reconciliation(api, f"period=custom&startDate={first}&endDate={TODAY}")
    assert body["differences"] == 0
    assert sum(day["calls"]["events"] for day in body["days"]) == 1
    assert sum(day["charged"]["events"] for day in body["days"]) == Decimal("4.99")


TAMPERING = {
    "UPDATE call_cost_events SET cost_nano = cost_nano + 1 WHERE service = 'twilio'": ("totalCost", "events"),
    "UPDATE calls SET charges = '{}' WHERE call_id = 'one'": ("charged", "calls"),
    "UPDATE calls SET first_at = first_at + interval '2 days' WHERE call_id = 'two'": ("calls", "calls"),
    "UPDATE everyone_day_costs SET cost_nano = cost_nano + 1 WHERE service = 'stripe'": ("totalCost", "everyone"),
    "DELETE FROM call_cost_events WHERE type = 'call.refunded'": ("refunded", "events"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "where"), list(TAMPERING.items()), ids=[" ".join(w) for w in TAMPERING.values()]
)
async def test_difference_is_shown_at_its_place(
    database_url: str, api: ApiClient, statement: str, where: tuple[str, str]
) -> None:
    await record(database_url, over_midnight())
    await fetch(database_url, statement)
    body = await reconciliation(api)
    assert body["differences"] == sum(day["differences"] for day in body["days"]) > 0
    figure, place = where
    for day in body["days"]:
        shown_by = dict(day[figure])
        differing = shown_by.pop(place)
        assert len(set(shown_by.values())) == 1
        if differing not in shown_by.values():
            return
    pytest.fail("no day shows it")


async def test_difference_of_user_days_is_shown_separately(
    database_url: str, api: ApiClient
) -> None:
    """A change of user days also changes the sums of all users, so both differ."""
    await record(database_url, over_midnight())
    await fetch(database_url, "UPDATE user_days SET charged_nano = charged_nano + 1")
    day = (await reconciliation(api))["days"][0]
    assert day["charged"]["userDays"] == day["charged"]["everyone"] != day["charged"]["events"]


async def test_only_admins_see_the_reconciliation(database_url: str, api: ApiClient) -> None:
    by_vendor = cost("two", "bob", time=MIDNIGHT, totalCost="0.5")
    await record(database_url, [*over_midnight(), by_vendor])
    for role in ("user", "service"):
        assert (await api.ask("GET", PATH, bearer=token("alice", role=role))).code == "forbidden"
    span = {"since": MIDNIGHT - timedelta(days=7), "until": MIDNIGHT + timedelta(days=1)}
    queries = statements("operations/reconciliation")
    for name in queries:
        assert await fetch(database_url, *queries.bind(name, reads_all=False, **span)) == []
        found = await fetch(database_url, *queries.bind(name, reads_all=True, **span))
        assert name in {"archived", "billed"} or found


BILL = "Date,Vendor,Amount_USD,Quantity,Invoice\n"


@pytest.fixture
def values(database_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url}


def bills(values: dict[str, str], directory: Path, *words: str, text: str = "") -> Any:
    return run_command("bills", *words, values=values, cwd=directory, stdin=text.encode())


async def test_bill_is_compared_with_recorded_costs(
    values: dict[str, str], tmp_path: Path, api: ApiClient
) -> None:
    yesterday = TODAY - timedelta(days=1)
    async with rows(values["DATABASE_URL"]) as ledger:
        at = MIDNIGHT - timedelta(hours=2)
        costs = {"twilio": 14 * CENT, "deepgram": 6 * CENT}
        await ledger.call(LiveCallRow(call_id="c", user_id="alice", at=at, costs=costs))
    (tmp_path / "october.csv").write_text(
        f"{BILL}{yesterday},Twilio,0.10,4,I-1\n{yesterday},twilio,0.05,6.5,I-1\n"
        f"{yesterday},deepgram,0.06,,I-1\n{TODAY},openai,1.5,,I-1\n2020-01-01,twilio,9,,I-0\n"
    )
    done = bills(values, tmp_path, "import", "october.csv", "--set-by", "carla")
    assert (done.returncode, done.stdout) == (0, "Bill 1: 5 lines.\n")
    expected = {
        "services": [
            {"service": "deepgram", "days": 1, "billed": Decimal("0.06"),
             "recorded": Decimal("0.06"), "variance": 0, "variancePercent": "0.00%"},
            {"service": "openai", "days": 1, "billed": Decimal("1.5"), "recorded": 0,
             "variance": Decimal("1.5"), "variancePercent": "0.00%"},
            {"service": "twilio", "days": 1, "billed": Decimal("0.15"),
             "recorded": Decimal("0.14"), "variance": Decimal("0.01"), "variancePercent": "7.14%"},
        ],
    }  # fmt: skip
    body = (await reconciliation(api))["bills"]
    assert body["services"] == expected["services"]
    assert [(day["date"], day["service"], day["quantity"]) for day in body["days"]] == [
        (str(yesterday), "deepgram", None),
        (str(yesterday), "twilio", Decimal("10.5")),
        (str(TODAY), "openai", None),
    ]
    assert body["days"][0]["bills"] == ["october.csv"]
    again = bills(values, tmp_path, "import", "october.csv")
    assert again.stdout == "This file was imported as bill 1 already; no changes were made.\n"
    assert (await reconciliation(api))["bills"] == body
    listed = bills(values, tmp_path, "list").stdout
    assert "1  october.csv: 5 lines, 2020-01-01 to" in listed
    assert "$10.71;" in listed
    assert "by carla" in listed


async def test_withdrawn_bill_no_longer_counts(
    values: dict[str, str], tmp_path: Path, api: ApiClient
) -> None:
    first, second = f"{BILL}{TODAY},twilio,1,,\n", f"{BILL}{TODAY},twilio,-0.25,,credit\n"
    bills(values, tmp_path, "import", "-", text=first)
    more = bills(values, tmp_path, "import", "-", text=second).stdout
    assert "Other bills have lines for 1 of its days and services, too" in more
    assert (await reconciliation(api))["bills"]["days"][0]["billed"] == Decimal("0.75")
    assert bills(values, tmp_path, "withdraw", "1").returncode == 0
    assert (await reconciliation(api))["bills"]["days"][0]["billed"] == Decimal("-0.25")
    assert "(withdrawn)" in bills(values, tmp_path, "list").stdout
    assert bills(values, tmp_path, "withdraw", "1").returncode == 1
    assert "included again" in bills(values, tmp_path, "import", "-", text=first).stdout
    assert (await reconciliation(api))["bills"]["days"][0]["billed"] == Decimal("0.75")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "date, amount_usd missing"),
        ("date,amount_usd\n", "a column service"),
        ("date,amount_usd,service,vendor\n", "a column service"),
        (BILL, "has no lines"),
        (f"{BILL}tomorrow,twilio,1,,\n,twilio,1,,\n", "line 3: date must be"),
        (f"{BILL}2026-01-31,twilio,NaN,,\n", "line 2: amount_usd must be a number"),
        (f"{BILL}2026-01-31,twilio,1e-10,,\n", "line 2: amount_usd must be a number"),
        (f"{BILL}2026-01-31,twilio,1e99,,\n", "line 2: amount_usd must be a number"),
        (f"{BILL}2026-01-31,twilio,1,many,\n", "line 2: quantity must be a number"),
        (f"{BILL}2026-01-31,,1,,\n", "line 2: service must have"),
        (f"{BILL}2026-01-31,twilio\n", "line 2: The row has 2 columns, the first line has 5."),
        ("date,service,amount_usd,currency\n2026-01-31,twilio,1,EUR\n", "only USD can be compared"),
    ],
)
async def test_invalid_bill_is_not_stored(
    values: dict[str, str], tmp_path: Path, text: str, message: str
) -> None:
    done = bills(values, tmp_path, "import", "-", text=text)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert await fetch(values["DATABASE_URL"], "SELECT FROM vendor_bills") == []
