"""Budgets over HTTP: settings, spend and alerts."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.http.options import ApiOptions
from schemas.alerts import SpendBasis
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import charged, cost, started
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.recording import BatchWriter, TopicLog

PATH = "/api/costs/user/alice/budget"
LEAP_DAY = date(2028, 2, 29)


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=LEAP_DAY) as api:
        yield api


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def put(api: ApiClient, body: Any) -> ApiResponse:
    return await api.ask("PUT", PATH, bearer=token("alice"), body=body)


async def test_user_without_settings_has_no_limits(api: ApiClient, ledger: LedgerRowWriter) -> None:
    content = (await api.get(PATH, "alice")).data
    day = datetime.fromisoformat(content["dayStart"])
    month = day.replace(day=1)
    assert content == {
        "userId": "alice",
        "dailyLimit_usd": None,
        "monthlyLimit_usd": None,
        "maxCostPerCall_usd": None,
        "alertThreshold_percent": 80,
        "thresholds": [80, 100],
        "timezone": "UTC",
        "autoCutoff": True,
        "callSteps": {
            "warn": False,
            "warnAt_percent": 80,
            "downgrade": False,
            "downgradeAt_percent": 95,
            "closingSentence": None,
        },
        "channels": [],
        "budgetBasis": "charged",
        "dayStart": iso(day),
        "dayEnd": iso(day + timedelta(days=1)),
        "monthStart": iso(month),
        "monthEnd": iso((month + timedelta(days=31)).replace(day=1)),
        "limitVersions": {"daily": 0, "monthly": 0, "call": 0},
        "currentDailySpend": 0,
        "currentMonthlySpend": 0,
        "dailyRemaining": None,
        "monthlyRemaining": None,
        "alertTriggered": False,
        "burnRatePerHour": 0,
        "dailyTimeToThreshold_seconds": None,
        "monthlyTimeToThreshold_seconds": None,
        "timeToThreshold_seconds": None,
        "alerts": [],
        "balance": None,
        "balanceLastsUntil": None,
    }
    assert (await put(api, {})).data == content
    assert await ledger.connection.fetchval("SELECT count(*) FROM user_budget_settings") == 0


async def test_omitted_settings_stay_unchanged(api: ApiClient) -> None:
    def settings(response: ApiResponse) -> tuple[Any, ...]:
        content = response.data
        return (
            content["dailyLimit_usd"],
            content["monthlyLimit_usd"],
            content["alertThreshold_percent"],
        )

    assert settings(await put(api, {"dailyLimit_usd": 1.5})) == (Decimal("1.5"), None, 80)
    assert settings(await put(api, {"monthlyLimit_usd": "20"})) == (Decimal("1.5"), 20, 80)
    changed = await put(api, {"alertThreshold_percent": 33.25})
    assert settings(changed) == (Decimal("1.5"), 20, Decimal("33.25"))
    assert settings(await put(api, {"dailyLimit_usd": None})) == (None, 20, Decimal("33.25"))
    assert settings(await api.get(PATH, "alice")) == (None, 20, Decimal("33.25"))
    assert changed.headers["Cache-Control"] == "no-store"


async def test_refused_change_changes_nothing(api: ApiClient) -> None:
    await put(api, {"dailyLimit_usd": 5})
    for body in ({"dailyLimit_usd": 1, "monthlyLimit_usd": -1}, {"dailyLimit_usd": 1, "color": 1},
                 b"{", [1]):  # fmt: skip
        response = await put(api, body)
        assert (response.status, response.code) == (400, "invalid_body")
    assert (await api.get(PATH, "alice")).data["dailyLimit_usd"] == 5


@pytest.mark.parametrize(
    ("basis", "day", "month"),
    [("charged", "2.99", "7.98"), ("cost", "0.9", "1.8")],
)
async def test_days_and_months_follow_the_calendar(
    database_url: str, ledger: LedgerRowWriter, basis: SpendBasis, day: str, month: str
) -> None:
    moments = [(2028, 1, 31), (2028, 2, 1), (2028, 2, 29), (2028, 3, 1), (2027, 2, 28)]
    for number, moment in enumerate(moments):
        at = datetime(*moment, 12, tzinfo=UTC)
        refunded = 200 * CENT if moment == (2028, 2, 29) else 0
        await ledger.call(
            LiveCallRow(call_id=f"{number}", user_id="alice", at=at, refunded=refunded)
        )
    options = ApiOptions(budget_basis=basis)
    async with served_from(database_url, today=LEAP_DAY, options=options) as api:
        content = (await api.get(PATH, "alice")).data
    assert (content["currentDailySpend"], content["currentMonthlySpend"]) == (
        Decimal(day),
        Decimal(month),
    )


async def test_remaining_budget_is_never_negative(api: ApiClient, ledger: LedgerRowWriter) -> None:
    at = datetime(2028, 2, 29, 12, tzinfo=UTC)
    await ledger.call(LiveCallRow(call_id="1", user_id="alice", at=at))
    content = (await put(api, {"dailyLimit_usd": 4, "monthlyLimit_usd": 1000})).data
    assert (content["dailyRemaining"], content["monthlyRemaining"]) == (0, Decimal("995.01"))
    assert content["alertTriggered"] is True
    content = (await put(api, {"dailyLimit_usd": None})).data
    assert content["alertTriggered"] is False


async def test_unchanged_budget_answers_304(api: ApiClient) -> None:
    tag = (await api.get(PATH, "alice")).headers["ETag"]
    assert (await api.get(PATH, "alice", headers={"If-None-Match": tag})).status == 304
    await put(api, {"dailyLimit_usd": 1})
    assert (await api.get(PATH, "alice", headers={"If-None-Match": tag})).status == 200


async def test_every_setting_can_be_set_and_read(database_url: str) -> None:
    wanted = {
        "maxCostPerCall_usd": "2.50",
        "thresholds": [50, "90.5", 100, 50],
        "timezone": "Europe/Berlin",
        "autoCutoff": False,
        "callSteps": {"warn": True, "warnAt_percent": "70.5", "closingSentence": "Bye."},
    }
    steps = {"warn": True, "warnAt_percent": Decimal("70.5"), "downgrade": False,
             "downgradeAt_percent": 95, "closingSentence": "Bye."}  # fmt: skip
    async with served_from(database_url) as api:
        content = (await put(api, wanted)).data
        again = (await put(api, {"maxCostPerCall_usd": 3})).data
    assert content["maxCostPerCall_usd"] == Decimal("2.5")
    assert content["thresholds"] == [50, 80, Decimal("90.5"), 100]
    assert (content["timezone"], content["autoCutoff"]) == ("Europe/Berlin", False)
    assert content["callSteps"] == again["callSteps"] == steps
    assert content["limitVersions"] == {"daily": 0, "monthly": 0, "call": 1}
    assert again["limitVersions"]["call"] == 2


@pytest.mark.parametrize(
    ("body", "named"),
    [({"timezone": "Mars/Olympus"}, "timezone"), ({"timezone": 1}, "timezone"),
     ({"thresholds": [0]}, "thresholds"), ({"thresholds": [1001]}, "thresholds"),
     ({"thresholds": list(range(1, 30))}, "thresholds"), ({"thresholds": 50}, "thresholds"),
     ({"callSteps": {"warnAt_percent": 100}}, "warnAt_percent"), ({"autoCutoff": "yes"}, "autoCutoff"), ({"maxCostPerCall_usd": -1}, "maxCostPerCall_usd")],
)  # fmt: skip
async def test_invalid_setting_is_refused_by_name(api: ApiClient, body: Any, named: str) -> None:
    response = await put(api, body)
    assert response.code == "invalid_body"
    assert named in response.json["error"]


async def test_alerts_are_paged_latest_first(database_url: str) -> None:
    now = datetime.now(UTC)
    async with BatchWriter(database_url) as writer, served_from(database_url) as api:
        await put(api, {"dailyLimit_usd": 10, "thresholds": [10, 20, 30, 40]})
        for number in range(5):
            event = charged(f"call-{number}", time=now, amount=2, fee=0)
            await writer.record(TopicLog().batch([event], partition=number))
        path = "/api/costs/user/alice/alerts"
        seen: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await api.get(f"{path}?limit=4{cursor}", "alice")).data
            seen += page["alerts"]
            cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
        budget = (await api.get(PATH, "alice")).data
        for wrong in ("limit=0", "limit=201", "cursor=x", "cursor=-1", f"cursor={'9' * 30}"):
            assert (await api.get(f"{path}?{wrong}", "alice")).code == "invalid_parameter"
    assert [alert["threshold_percent"] for alert in seen] == [100, 80, 40, 30, 20, 10]
    assert budget["alerts"] == seen
    assert budget["alertTriggered"] is True


async def test_active_calls_project_the_next_threshold(database_url: str) -> None:
    began = datetime.now(UTC) - timedelta(seconds=100)
    events = [
        started(time=began, expectedDuration_seconds=499),
        cost(time=began, totalCost="0.965"),
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    async with served_from(database_url) as api:
        content = (await put(api, {"monthlyLimit_usd": 20})).data
        assert content["burnRatePerHour"] == 36
        ends_today = (began + timedelta(seconds=1_705)).date() == began.date()
        seconds = 1600 if ends_today else None
        assert content["timeToThreshold_seconds"] == seconds
        assert content["monthlyTimeToThreshold_seconds"] == seconds
        assert content["dailyTimeToThreshold_seconds"] is None
    async with served_from(database_url, options=ApiOptions(budget_basis="cost")) as api:
        content = (await api.get(PATH, "alice")).data
        assert Decimal(34) <= content["burnRatePerHour"] <= 36
        assert content["budgetBasis"] == "cost"


async def test_budget_and_forecast_agree_on_a_limit_at_the_present_pace(database_url: str) -> None:
    """A day without history: only the pace of the active call says that a limit is near."""
    now = datetime.now(UTC)
    events = [started(time=now, expectedDuration_seconds=60), cost(time=now, totalCost="0.965")]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    async with served_from(database_url) as api:
        limits = {"dailyLimit_usd": 4, "monthlyLimit_usd": 5, "thresholds": []}
        budget = (await put(api, {**limits, "alertThreshold_percent": 100})).data
        found = (await api.get("/api/costs/user/alice/forecast", "alice")).data
    assert found["budgetBasis"] == budget["budgetBasis"]
    pairs = {name: found["limits"][name] for name in ("daily", "monthly")}
    expected = {"daily": 49, "monthly": 61}
    for name, limit in pairs.items():
        ends_today = (now + timedelta(seconds=expected[name] + 30)).date() == now.date()
        if ends_today:  # otherwise midnight is too near
            assert budget[f"{name}TimeToThreshold_seconds"] == expected[name]
            assert limit["reachedIn_seconds"] == expected[name]
            assert limit["reachedOn"] == now.date().isoformat()
            assert f"your {name} limit of" in " ".join(found["warnings"])


async def test_channels_can_be_set_with_the_budget(database_url: str) -> None:
    hook = {"type": "webhook", "address": "https://example.com/hook"}
    async with served_from(database_url, options=ApiOptions(channel_types=("webhook",))) as api:
        [created] = (await put(api, {"dailyLimit_usd": 5, "channels": [hook]})).data["channels"]
        assert (created["type"], created["state"]) == ("webhook", "unverified")
        assert created["secret"].startswith("whsec_")
        [kept] = (await put(api, {"channels": [hook, hook]})).data["channels"]
        assert kept == {name: value for name, value in created.items() if name != "secret"}
        for wrong in ({"type": "email", "address": "a@example.com"}, {"type": "webhook"}, "email"):
            response = await put(api, {"dailyLimit_usd": 6, "channels": [wrong]})
            assert (response.status, response.code) == (400, "invalid_body")
        many = [{"type": "webhook", "address": f"https://example.com/{n}"} for n in range(11)]
        assert (await put(api, {"dailyLimit_usd": 6, "channels": many})).status == 400
        content = (await api.get(PATH, "alice")).data
        assert (content["dailyLimit_usd"], content["channels"]) == (5, [kept])
        assert (await put(api, {"channels": []})).data["channels"] == []
