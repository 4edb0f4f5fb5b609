"""A user's spending beside that of the period before (`compare=true`)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows

ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
COMPARISON = statements("reports/comparison")
NOON = datetime(2025, 11, 19, 12, tzinfo=UTC)
"""The API's clock."""
PATH = "/api/costs/user/alice/spending"
TODAY = "period=custom&startDate=2025-11-19&endDate=2025-11-19"
MONTH = "period=custom&startDate=2025-11-01&endDate=2025-11-19"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOON.date()) as api:
        yield api


async def write(ledger: LedgerRowWriter, name: str, at: datetime, cents: int = 1) -> None:
    call = LiveCallRow(
        call_id=name, user_id="alice", at=at, costs={"twilio": cents * CENT}, charged=4 * CENT
    )
    await ledger.call(call)


async def compared(api: ApiClient, query: str, user: str = "alice") -> Any:
    return (await api.get(f"{PATH}?{query}&compare=true", user)).data


async def test_previous_totals_end_at_the_same_time_of_day(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    """Whole yesterday would show a fall of two thirds where nothing has changed."""
    yesterday = NOON - timedelta(days=1)
    await write(ledger, "today", NOON - timedelta(hours=3))
    await write(ledger, "same-time", yesterday - timedelta(hours=3))
    await write(ledger, "later", yesterday + timedelta(hours=1), cents=2)
    await write(ledger, "day-before", yesterday - timedelta(hours=13), cents=5)
    content = await compared(api, TODAY)
    assert (content["totalCalls"], content["totalCost"]) == (1, Decimal("0.01"))
    assert content["previous"] == {
        "start": "2025-11-18T00:00:00Z",
        "end": "2025-11-18T12:15:00Z",
        "totalCalls": 1,
        "totalCost": Decimal("0.01"),
        "totalCharged": Decimal("0.04"),
        "totalRefunded": 0,
        "totalGrossProfit": Decimal("0.03"),
        "averageMarginPercent": "75.00%",
    }


async def test_last_days_are_compared_with_as_many_days_on_each_day_of_a_month(
    database_url: str, ledger: LedgerRowWriter
) -> None:
    """On the 8th the last 7 days and today are the days of the month so far."""
    eighth = NOON.replace(day=8)
    await write(ledger, "last-month", eighth.replace(month=10, hour=6), cents=7)
    await write(ledger, "days-before", eighth.replace(month=10, day=30), cents=3)
    async with served_from(database_url, today=eighth.date()) as api:
        rolling = await compared(api, "period=7d")
        month = await compared(api, "period=custom&startDate=2025-11-01&endDate=2025-11-08")
    assert rolling["period"]["start"] == month["period"]["start"] == "2025-11-01T00:00:00Z"
    assert rolling["previous"]["start"] == "2025-10-24T00:00:00Z"
    assert rolling["previous"]["totalCost"] == Decimal("0.03")
    assert month["previous"]["start"] == "2025-10-01T00:00:00Z"
    assert month["previous"]["totalCost"] == Decimal("0.07")


async def test_previous_totals_are_those_of_the_spending_route_for_the_same_days(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for days_ago in range(40):
        for hour in (0, 7, 23):
            at = NOON.replace(hour=hour) - timedelta(days=days_ago)
            await write(ledger, f"{days_ago}-{hour}", at, cents=days_ago + hour)
    days = "period=custom&startDate={}&endDate={}".format
    content = await compared(api, days("2025-11-09", "2025-11-18"))
    before = (await api.get(f"{PATH}?{days('2025-10-30', '2025-11-08')}", "alice")).data
    names = [name for name in content["previous"] if name not in {"start", "end"}]
    assert {name: content["previous"][name] for name in names} == {
        name: before[name] for name in names
    }
    assert before["totalCalls"] == 30


async def test_month_so_far_is_compared_with_the_month_before(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for day in (1, 19, 20):
        await write(ledger, f"october-{day}", datetime(2025, 10, day, 9, tzinfo=UTC))
    previous = (await compared(api, MONTH))["previous"]
    assert (previous["start"], previous["end"]) == ("2025-10-01T00:00:00Z", "2025-10-19T12:15:00Z")
    assert previous["totalCalls"] == 2


async def test_spending_is_compared_on_request_only(api: ApiClient) -> None:
    assert "previous" not in (await api.get(PATH, "alice")).data
    assert "previous" not in (await api.get(f"{PATH}?compare=false", "alice")).data
    assert (await compared(api, "period=30d"))["previous"]["totalCalls"] == 0
    refused = await api.get(f"{PATH}?compare=yes", "alice")
    assert (refused.status, refused.code) == (400, "invalid_parameter")
    assert "`compare`" in refused.json["error"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_ends_of_the_calendar_are_compared_with_nothing(api: ApiClient, day: str) -> None:
    content = await compared(api, f"period=custom&startDate={day}&endDate={day}")
    assert content["previous"]["totalCost"] == 0


async def test_previous_totals_are_the_owners_and_admins_only(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await write(ledger, "secret", NOON - timedelta(days=1, hours=3))
    refused = await api.get(f"{PATH}?{TODAY}&compare=true", "bob")
    assert (refused.status, b"previous" in refused.body) == (403, False)
    mine = "/api/costs/user/bob/spending"
    assert (await api.get(f"{mine}?{TODAY}&compare=true", "bob")).data["previous"]["totalCost"] == 0
    admin = token("root", role="admin")
    seen = await api.ask("GET", f"{PATH}?{TODAY}&compare=true", bearer=admin)
    assert seen.data["previous"]["totalCost"] == Decimal("0.01")


async def test_earlier_totals_hide_other_users_without_row_policies(
    ledger: LedgerRowWriter,
) -> None:
    """The statement as a superuser, for calls of whole days and those of the hours of a day."""
    await write(ledger, "secret", NOON)
    midnight = NOON.replace(hour=0)
    for before in (midnight + timedelta(days=1), NOON + timedelta(hours=1)):
        for viewer, seen in ((ALICE, True), (BOB, False), (ROOT, True)):
            times = {"earliest": midnight, "before": before}
            statement = COMPARISON.bind(
                "totals_between", user_id="alice", **viewer.parameters, **times
            )
            [row] = await ledger.connection.fetch(*statement)
            assert {bool(row[name]) for name in ("calls", "cost_nano", "charged_nano")} == {seen}
