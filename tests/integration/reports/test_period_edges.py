"""Events at the first and the last microsecond of a period are in it, for every reader.

The days are leap days, ends of months and years, the 53rd week of a year, and days on which clocks
change. A charge of 2ⁿ nano-dollars is at the n-th instant, so a sum names the charges in it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.budgets.alerting import Alerting
from ledger.postgres.database import connected
from ledger.recording.batch import Batch
from ledger.scheduled_notices.digests import DigestRequest, read_digests
from ledger.scheduled_notices.times import digest_window
from schemas.cloudevents import Window, decode
from schemas.scheduled_notices import Digest
from tests.support.api import ApiClient, served_from, token
from tests.support.events import charged, structured
from tests.support.recording import BatchWriter, ConsumedRecord, assert_verified, fetch

MICROSECOND = timedelta(microseconds=1)
LATER = timedelta(days=60)
"""The worker's clock is later than all events, the API's is the moment itself."""
KINDS = ("day", "week", "month")
PATH = "/api/costs/user/alice"
SCENES = [
    ("UTC", "2028-02-29T00:00:00"),
    ("UTC", "2027-02-28T23:59:59.999999"),
    ("UTC", "2026-12-31T23:59:59.999999"),
    ("UTC", "2027-01-01T00:00:00"),
    ("UTC", "2027-01-04T00:00:00"),
    # 25 and 23 hours; the moments are in the repeated hour and at the skipped one.
    ("Europe/Berlin", "2026-10-25T01:30:00"),
    ("Europe/Berlin", "2027-03-28T01:00:00"),
    # Clocks skip midnight; clocks show an hour before midnight twice.
    ("Africa/Cairo", "2027-04-29T22:00:00"),
    ("America/Santiago", "2027-04-04T02:59:59.999999"),
    # Offsets with three quarters, and half an hour of daylight saving.
    ("Asia/Kathmandu", "2026-11-30T18:14:59.999999"),
    ("Pacific/Chatham", "2026-12-31T10:15:00"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00"),
]


def name_of(kind: str, at: datetime, zone: str) -> str:
    """Return the calendar's name of a day, a week or a month."""
    local = at.astimezone(ZoneInfo(zone))
    if kind == "week":
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02}"
    return f"{local:%Y-%m-%d}" if kind == "day" else f"{local:%Y-%m}"


def edge_of(kind: str, moment: datetime, zone: str, days: int) -> datetime:
    """Return where the name changes, within `days` after the moment, or before it."""
    inside, outside = moment, moment + timedelta(days=days)
    name = name_of(kind, moment, zone)
    while abs(outside - inside) > MICROSECOND:
        middle = inside + (outside - inside) // 2
        if name_of(kind, middle, zone) == name:
            inside = middle
        else:
            outside = middle
    return max(inside, outside)


def instants_around(moment: datetime, zone: str) -> list[datetime]:
    edges = {
        edge_of(kind, moment, zone_or_utc, days)
        for kind in KINDS
        for zone_or_utc in (zone, "UTC")
        for days in (-40, 40)
    }
    return sorted({edge - before for edge in edges for before in (timedelta(), MICROSECOND)})


def nano_of(instants: Sequence[datetime], contains: Callable[[datetime], bool]) -> int:
    return sum(2**n for n, at in enumerate(instants) if contains(at))


def usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


async def record_charges(database_url: str, instants: Sequence[datetime], now: datetime) -> None:
    """Charge a call at each instant, in the order of time and in one batch."""
    batch, window = Batch(), Window.around(now)
    for n, at in enumerate(instants):
        event = charged(f"call-{n}", time=at, amount=str(usd(2**n)), fee=0)
        record = ConsumedRecord(0, n, structured(event))
        batch.events.append(decode(record.value, (), window))
        batch.records.append(record)
        batch.next_offsets[0] = n + 1
    async with BatchWriter(database_url, alerting=Alerting("charged"), now=lambda: now) as writer:
        assert (await writer.record(batch)).recorded == len(instants)
        assert writer.letters == []


async def create_budgets(api: ApiClient, zone: str) -> None:
    """Set the time zone, and limits that any charge reaches."""
    bearer = token("alice")
    changed = await api.ask("PUT", f"{PATH}/budget", bearer=bearer, body={"timezone": zone})
    assert changed.status == 200, changed.body
    for period in KINDS:
        body = {"period": period, "limit_usd": "0.000000001", "thresholds": [100]}
        created = await api.ask("POST", f"{PATH}/budgets", bearer=bearer, body=body)
        assert created.status == 200, created.body


def utc_days(kind: str, moment: datetime) -> tuple[date, date]:
    """Return the first and the last UTC day of a period."""
    last = edge_of(kind, moment, "UTC", 40) - MICROSECOND
    return edge_of(kind, moment, "UTC", -40).date(), last.date()


@pytest.mark.parametrize(("zone", "text"), SCENES)
async def test_budgets_alerts_and_forecasts_count_what_the_clock_of_the_user_shows(
    database_url: str, zone: str, text: str
) -> None:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    instants = instants_around(moment, zone)
    async with served_from(database_url, now=lambda: moment) as api:
        await create_budgets(api, zone)
        await record_charges(database_url, instants, moment + LATER)
        budget = (await api.get(f"{PATH}/budget", "alice")).data
        further = (await api.get(f"{PATH}/budgets", "alice")).data["budgets"]
        forecast = (await api.get(f"{PATH}/forecast?period=monthly", "alice")).data
    expected = {
        kind: usd(
            nano_of(
                instants,
                lambda at, kind=kind: name_of(kind, at, zone) == name_of(kind, moment, zone),  # type: ignore[misc]
            )
        )
        for kind in KINDS
    }
    assert budget["currentDailySpend"] == expected["day"]
    assert budget["currentMonthlySpend"] == expected["month"]
    assert {one["period"]: one["currentSpend"] for one in further} == expected
    assert forecast["monthEnd"]["spendSoFar"] == expected["month"]
    for one in further:
        starts, ends = map(datetime.fromisoformat, (one["periodStart"], one["periodEnd"]))
        assert starts == edge_of(one["period"], moment, zone, -40)
        assert ends == edge_of(one["period"], moment, zone, 40)
    rows = await fetch(database_url, "SELECT type, period FROM budget_alerts ORDER BY 1, 2")
    types = {"day": "daily", "week": "weekly", "month": "monthly"}
    names = {(types[kind], name_of(kind, at, zone)) for kind in KINDS for at in instants}
    # A period of a scoped budget is named after its budget.
    found = sorted((kind, period.split()[-1]) for kind, period in rows)
    assert found == sorted(names)
    await assert_verified(database_url)


@pytest.mark.parametrize(("zone", "text"), SCENES)
async def test_reports_lists_and_exports_count_the_same_utc_days(
    database_url: str, zone: str, text: str
) -> None:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    instants = instants_around(moment, zone)
    await record_charges(database_url, instants, moment + LATER)
    async with served_from(database_url, now=lambda: moment) as api:
        for kind in KINDS:
            first, last = utc_days(kind, moment)
            inside = [n for n, at in enumerate(instants) if first <= at.date() <= last]
            nano = sum(2**n for n in inside)
            days = f"startDate={first}&endDate={last}"
            await assert_reports(api, days, nano, inside, instants)


async def assert_reports(
    api: ApiClient, days: str, nano: int, inside: Sequence[int], instants: Sequence[datetime]
) -> None:
    spending = (await api.get(f"{PATH}/spending?period=custom&{days}", "alice")).data
    assert (spending["totalCharged"], spending["totalCalls"]) == (usd(nano), len(inside))
    by_day: dict[str, int] = {}
    for n in inside:
        day = str(instants[n].date())
        by_day[day] = by_day.get(day, 0) + 2**n
    found = {day["date"]: day["chargedToUser"] for day in spending["daily"] if day["calls"]}
    assert found == {day: usd(of_day) for day, of_day in by_day.items()}
    everyone = await api.ask(
        "GET",
        f"/api/admin/costs/analytics?period=custom&{days}",
        bearer=token("root", role="admin"),
    )
    assert everyone.data["totalRevenue"] == usd(nano)
    listed = (await api.get(f"{PATH}/calls?{days}&limit=100", "alice")).data["calls"]
    ids = {f"call-{n}" for n in inside}
    assert {call["callId"] for call in listed} == ids
    for kind in ("events", "calls"):
        query = f"period=custom&{days}&type={kind}"
        exported = (await api.get(f"{PATH}/export.csv?{query}", "alice")).body.decode()
        header, *lines = exported.splitlines()
        place = header.split(",").index("callId")
        assert {line.split(",")[place] for line in lines} == ids, kind
        assert kind == "events" or len(lines) == len(ids)


@pytest.mark.parametrize(("zone", "text"), SCENES)
async def test_digests_count_the_last_whole_day_and_week_of_the_user(
    database_url: str, zone: str, text: str
) -> None:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    instants = instants_around(moment, zone)
    await record_charges(database_url, instants, moment + LATER)
    after = {kind: edge_of(kind, moment, zone, 40) for kind in ("day", "week")}
    days = digest_window("daily_digest", zone, after["day"])
    weeks = digest_window("weekly_digest", zone, after["week"])
    requests = [
        DigestRequest("daily_digest", "alice", zone, days),
        DigestRequest("weekly_digest", "alice", zone, weeks),
    ]
    async with connected(database_url, name="test") as connection:
        notices = await read_digests(connection, requests)
    for notice, kind in zip(notices, ("day", "week"), strict=True):
        digest: Any = notice.data
        assert isinstance(digest, Digest)
        name = name_of(kind, moment, zone)
        inside = [n for n, at in enumerate(instants) if name_of(kind, at, zone) == name]
        assert digest.period == name
        assert (digest.charged.nano, digest.calls) == (sum(2**n for n in inside), len(inside))
        earlier = name_of(kind, edge_of(kind, moment, zone, -40) - MICROSECOND, zone)
        assert digest.charged_before.nano == nano_of(
            instants,
            lambda at, kind=kind, earlier=earlier: name_of(kind, at, zone) == earlier,  # type: ignore[misc]
        )
