"""Scoped budgets over HTTP: settings, spend, raises, and what they may not do."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.operations.verification import rebuild, verify
from tests.support.alerting import just_now, raised_alerts
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import charged, started
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

PATH = "/api/costs/user/alice/budgets"
ACME = {"kind": "tag", "key": "customer", "value": "acme"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url) as api:
        yield api


async def post(api: ApiClient, user: str = "alice", **body: Any) -> ApiResponse:
    wanted = {"period": "week", "limit_usd": 10, **body}
    return await api.ask("POST", PATH, bearer=token(user), body=wanted)


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


async def test_budget_of_a_tag_counts_past_and_new_calls_of_it(
    api: ApiClient, database_url: str
) -> None:
    now = just_now()
    acme = {"customer": "acme"}
    await record(
        database_url,
        charged("one", time=now, amount=3, fee=0, tags=acme),
        charged("two", time=now, amount=4, fee=0, tags={"customer": "other"}),
    )
    created = (await post(api, scope=ACME, thresholds=[50])).data
    assert (created["currentSpend"], created["remaining"]) == (3, 7)
    assert (created["thresholds"], created["limitVersion"]) == ([50, 100], 1)
    assert created["scope"] == ACME
    monday = datetime.fromisoformat(created["periodStart"])
    assert (monday.weekday(), monday.hour) == (0, 0)
    assert await raised_alerts(database_url) == {}
    await record(database_url, charged("two", time=now, amount=1, fee=0))
    await record(database_url, charged("three", time=now, amount=2.5, fee=0, tags=acme))
    [listed] = (await api.get(PATH, "alice")).data["budgets"]
    assert listed["currentSpend"] == 5.5
    [alert] = (await api.get("/api/costs/user/alice/alerts", "alice")).data["alerts"]
    assert (alert["type"], alert["threshold_percent"]) == ("weekly", 50)
    assert (alert["budgetId"], alert["scope"]) == (created["budgetId"], ACME)
    assert alert["message"] == (
        "You've been charged $5.50 this week, past 50% of your $10.00 weekly limit "
        "for customer: acme."
    )
    assert alert["crossedBy"]["service"] == "stripe"
    await assert_verified(database_url)


async def test_late_tag_takes_past_spend_along(api: ApiClient, database_url: str) -> None:
    now = just_now()
    await post(api, scope=ACME)
    await record(
        database_url,
        charged("one", time=now, amount=9, fee=0, tags={"customer": "other"}),
    )
    earlier = now - timedelta(minutes=1)
    await record(database_url, started("one", time=earlier, tags={"customer": "acme"}))
    [listed] = (await api.get(PATH, "alice")).data["budgets"]
    assert listed["currentSpend"] == 9
    assert len(await raised_alerts(database_url)) == 1
    earliest = now - timedelta(minutes=2)
    await record(
        database_url, charged("one", time=earliest, amount=1, fee=0, tags={"customer": "x"})
    )
    [listed] = (await api.get(PATH, "alice")).data["budgets"]
    assert listed["currentSpend"] == 0
    assert len(await raised_alerts(database_url)) == 1
    await assert_verified(database_url)


async def test_rebuild_restores_the_totals_of_scopes(api: ApiClient, database_url: str) -> None:
    await post(api, scope={"kind": "persona", "value": "brad_001"})
    now = just_now()
    await record(database_url, started(time=now), charged(time=now, amount=3, fee=0))
    await fetch(database_url, "UPDATE scope_spend SET charged_nano = charged_nano + 1")
    assert (await verify(database_url)).differences == 1
    await rebuild(database_url)
    await assert_verified(database_url)
    [listed] = (await api.get(PATH, "alice")).data["budgets"]
    assert listed["currentSpend"] == 3


async def test_deleted_budget_keeps_its_alerts_and_no_totals(
    api: ApiClient, database_url: str
) -> None:
    await record(database_url, charged(time=just_now(), amount=9, fee=0, tags={"customer": "acme"}))
    budget = (await post(api, scope=ACME)).data
    assert len(await raised_alerts(database_url)) == 1
    path = f"{PATH}/{budget['budgetId']}"
    rest = await api.ask("DELETE", path, bearer=token("alice"))
    assert rest.data["budgets"] == []
    assert len(await raised_alerts(database_url)) == 1
    assert await fetch(database_url, "SELECT FROM scope_spend") == []
    again = await api.ask("DELETE", path, bearer=token("alice"))
    assert (again.status, again.code) == (403, "forbidden")


async def test_other_users_see_and_change_no_budget(api: ApiClient) -> None:
    budget = (await post(api)).data
    path = f"{PATH}/{budget['budgetId']}"
    body = {"period": "day", "limit_usd": 1}
    for method, place in (("GET", PATH), ("POST", PATH), ("PUT", path), ("DELETE", path)):
        sent = body if method in {"POST", "PUT"} else None
        answer = await api.ask(method, place, bearer=token("mallory"), body=sent)
        assert answer.status == 403
        own = place.replace("alice", "mallory")
        if place == path:  # the id of another user's budget, under one's own path
            assert (await api.ask(method, own, bearer=token("mallory"), body=sent)).status == 403
    [kept] = (await api.get(PATH, "alice")).data["budgets"]
    assert (kept["period"], kept["limit_usd"]) == ("week", 10)


async def test_more_than_fifty_budgets_are_refused(api: ApiClient) -> None:
    for number in range(50):
        assert (await post(api, limit_usd=number)).status == 200
    refused = await post(api)
    assert (refused.status, refused.code) == (409, "too_many_budgets")
    assert len((await api.get(PATH, "alice")).data["budgets"]) == 50


async def test_replaced_limit_has_a_new_version_and_alerts_again(
    api: ApiClient, database_url: str
) -> None:
    await record(database_url, charged(time=just_now(), amount=9, fee=0))
    budget = (await post(api, period="day")).data
    path = f"{PATH}/{budget['budgetId']}"
    body = {"period": "day", "limit_usd": 9, "autoCutoff": False}
    changed = (await api.ask("PUT", path, bearer=token("alice"), body=body)).data
    assert (changed["limitVersion"], changed["autoCutoff"]) == (2, False)
    same = (await api.ask("PUT", path, bearer=token("alice"), body=body)).data
    assert same["limitVersion"] == 2
    found = {(int(key.threshold), key.version) for key in await raised_alerts(database_url)}
    assert found == {(80, 1), (80, 2), (100, 2)}


async def test_steps_before_the_end_belong_to_budgets_per_call(api: ApiClient) -> None:
    steps = {"warn": True, "warnAt_percent": 60, "downgrade": True}
    created = (await post(api, period="call", callSteps=steps)).data
    default = {"downgradeAt_percent": 95, "closingSentence": None}
    assert created["callSteps"] == {**steps, **default}
    [listed] = (await api.get(PATH, "alice")).data["budgets"]
    assert listed == created


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"callSteps": {"warn": True}}, "callSteps"),
        ({"period": "call", "callSteps": {"warnAt_percent": 96}}, "callSteps.warnAt_percent"),
        ({"scope": {"kind": "tag", "value": "acme"}}, "scope.key"),
        ({"scope": {"kind": "tag", "key": "Not A Key", "value": "acme"}}, "scope.key"),
        ({"scope": {"kind": "persona"}}, "scope.value"),
        ({"scope": {"kind": "persona", "value": "a\0b"}}, "scope.value"),
        ({"scope": {"kind": "user", "value": "bob"}}, "scope.value"),
        ({"scope": {"kind": "all"}}, "scope.kind"),
        ({"period": "year"}, "period"),
        ({"limit_usd": -1}, "limit_usd"),
        ({"thresholds": [0]}, "thresholds"),
        ({"raise": {"limit_usd": 10, "until": "2999-01-01T00:00:00Z"}}, "raise.limit_usd"),
        ({"raise": {"limit_usd": 11, "until": "2020-01-01T00:00:00Z"}}, "raise.until"),
        ({"raise": {"limit_usd": 11, "until": "9999-12-31T23:59:59-14:00"}}, "raise.until"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_invalid_budget_is_refused_by_name(api: ApiClient, body: Any, named: str) -> None:
    refused = await post(api, **body)
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert f"{named}" in refused.json["error"]
    assert (await api.get(PATH, "alice")).data["budgets"] == []


async def test_week_begins_on_monday_in_the_zone_of_the_user(api: ApiClient) -> None:
    zone = {"timezone": "Asia/Kathmandu"}
    await api.ask("PUT", "/api/costs/user/alice/budget", bearer=token("alice"), body=zone)
    created = (await post(api)).data
    start, end = (datetime.fromisoformat(created[name]) for name in ("periodStart", "periodEnd"))
    assert end - start == timedelta(days=7)
    local = start.astimezone(UTC) + timedelta(hours=5, minutes=45)
    assert (local.weekday(), local.hour, local.minute) == (0, 0, 0)
