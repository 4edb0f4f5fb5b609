"""Budgets of all users, of services and of tags over HTTP: spend, alerts, raises, and who may see them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.budgets.alerting import Alerting
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.raise_ends import end_raises
from ledger.notifications.notices import ADMINISTRATORS
from ledger.postgres.database import connected
from tests.support.alerting import just_now, raised_alerts
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import charged, cost, started
from tests.support.notifications import delivery_worker, until_ended, write_channel
from tests.support.receivers import receiver
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

PATH = "/api/admin/budgets"
ADMIN = token("root", role="admin")
TWILIO = {"kind": "service", "value": "twilio"}
ACME = {"kind": "tag", "key": "customer", "value": "acme"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url) as api:
        yield api


async def post(api: ApiClient, bearer: str = ADMIN, **body: Any) -> ApiResponse:
    return await api.ask(
        "POST", PATH, bearer=bearer, body={"period": "day", "limit_usd": 10, **body}
    )


async def listed(api: ApiClient) -> Any:
    return (await api.ask("GET", PATH, bearer=ADMIN)).data


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


async def review(database_url: str, now: datetime | None = None) -> int | None:
    """Decide global budgets as a worker does."""
    async with connected(database_url, name="test") as connection:
        return await review_global_budgets(connection, Alerting(), now or just_now())


async def test_budget_of_all_users_counts_past_and_new_charges(
    api: ApiClient, database_url: str
) -> None:
    now = just_now()
    await record(database_url, charged("one", user="alice", time=now, amount=3, fee=0))
    created = (await post(api, thresholds=[50])).data
    assert created["scope"] == {"kind": "all", "key": None, "value": None}
    assert (created["currentSpend"], created["remaining"], created["basis"]) == (3, 7, "charged")
    assert (created["autoCutoff"], created["thresholds"]) == (False, [50, 100])
    assert created["periodStart"] == f"{now:%Y-%m-%d}T00:00:00Z"
    assert await review(database_url, now) == 0
    await record(database_url, charged("two", user="bob", time=now, amount=2.5, fee=0))
    assert await review(database_url, now + timedelta(seconds=1)) == 1
    found = await listed(api)
    [budget], [alert] = found["budgets"], found["alerts"]
    assert budget["currentSpend"] == 5.5
    assert (alert["userId"], alert["budgetId"]) == ("", created["budgetId"])
    assert alert["message"] == (
        "All users have been charged $5.50 today, past 50% of the $10.00 daily limit."
    )
    assert (alert["late"], alert["crossedBy"], alert["spentLastHour"]) == (False, None, 5.5)
    assert {driver["service"] for driver in alert["drivers"]} <= {"raindrop", "vultr", "vercel"}
    await assert_verified(database_url)


@pytest.mark.parametrize("period", ["day", "week", "month"])
async def test_budget_of_a_service_counts_its_cost(
    api: ApiClient, database_url: str, period: str
) -> None:
    now = just_now()
    await record(
        database_url,
        cost(call="one", user="alice", time=now, totalCost=6, service="twilio"),
        cost(call="two", user="bob", time=now, totalCost=5, service="twilio"),
        cost(call="three", user="bob", time=now, totalCost=5, service="openai"),
    )
    created = (await post(api, scope=TWILIO, period=period)).data
    assert (created["currentSpend"], created["remaining"], created["basis"]) == (11, 0, "cost")
    kinds = {"day": "daily", "week": "weekly", "month": "monthly"}
    times = {"day": "today", "week": "this week", "month": "this month"}
    alerts = (await listed(api))["alerts"]
    assert [alert["threshold_percent"] for alert in alerts] == [100, 80]
    assert alerts[0]["message"] == (
        f"Twilio has cost $11.00 {times[period]}, over the $10.00 {kinds[period]} limit."
    )
    assert (alerts[0]["basis"], alerts[0]["scope"]) == ("cost", {**TWILIO, "key": None})


async def test_budget_of_a_tag_counts_calls_of_all_users(api: ApiClient, database_url: str) -> None:
    now = just_now()
    tags = {"customer": "acme"}
    await record(
        database_url,
        started("one", "alice", time=now, tags=tags),
        charged("one", user="alice", time=now, amount=3, fee=0),
        started("two", "bob", time=now, tags=tags),
        charged("two", user="bob", time=now, amount=2.5, fee=0),
        charged("three", user="bob", time=now, amount=9, fee=0),
    )
    created = (await post(api, scope=ACME, thresholds=[50])).data
    assert (created["scope"], created["basis"]) == (ACME, "charged")
    assert (created["currentSpend"], created["remaining"]) == (None, None), "not summed yet"
    for second in range(1, 20):
        if await review(database_url, now + timedelta(seconds=second)):
            break
    found = await listed(api)
    [budget], [alert] = found["budgets"], found["alerts"]
    assert (budget["currentSpend"], budget["remaining"]) == (5.5, 4.5)
    assert (alert["userId"], alert["scope"], alert["late"]) == ("", ACME, False)
    assert alert["message"] == (
        "All users have been charged $5.50 today, past 50% of the $10.00 daily limit"
        " for customer: acme."
    )
    path = f"{PATH}/{created['budgetId']}"
    body = {"scope": {**ACME, "value": "other"}, "period": "week", "limit_usd": 1}
    changed = (await api.ask("PUT", path, bearer=ADMIN, body=body)).data
    assert (changed["currentSpend"], changed["limitVersion"]) == (None, 2)


async def test_spend_before_midnight_raises_its_alert_after_midnight(
    api: ApiClient, database_url: str
) -> None:
    midnight = just_now().replace(hour=0, minute=0, second=0) - timedelta(days=3)
    await post(api)
    earlier = midnight - timedelta(hours=1)
    await fetch(
        database_url,
        "UPDATE user_budget_settings SET reviewed_at = $1::timestamptz, budgets = jsonb_set(budgets,"
        " '{0,createdAt}', to_jsonb($1::timestamptz)) WHERE user_id = ''",
        earlier,
    )
    before = midnight - timedelta(milliseconds=5)
    await record(database_url, charged("one", time=before, amount=9, fee=0))
    assert await review(database_url, midnight + timedelta(seconds=5)) == 1
    await record(database_url, charged("two", time=before, amount=9, fee=0))
    assert await review(database_url, midnight + timedelta(seconds=65)) == 0
    found = {int(key.threshold): late for key, late in (await raised_alerts(database_url)).items()}
    assert found == {80: False, 100: True}
    [late, in_time] = (await listed(api))["alerts"]
    assert (late["late"], in_time["late"]) == (True, False)
    assert in_time["message"].startswith("All users were charged $9.00 on ")
    [(messages,)] = await fetch(database_url, "SELECT count(*) FROM outbox WHERE aggregateid = ''")
    assert messages == 1


async def test_raise_lasts_until_its_end(api: ApiClient, database_url: str) -> None:
    now = just_now()
    await record(database_url, charged("one", time=now, amount=12, fee=0))
    until = datetime.now().astimezone() + timedelta(minutes=1)
    raised: Any = {"raise": {"limit_usd": 100, "until": until.isoformat()}}
    created = (await post(api, **raised)).data
    assert (created["currentLimit_usd"], created["limitVersion"]) == (100, 1)
    assert await raised_alerts(database_url) == {}
    async with connected(database_url, name="test") as connection:
        await end_raises(connection, Alerting(), until)
    found = await raised_alerts(database_url)
    assert {(int(key.threshold), key.version) for key in found} == {(80, 2), (100, 2)}
    [budget] = (await listed(api))["budgets"]
    assert (budget["raise"], budget["currentLimit_usd"]) == (None, 10)


async def test_budgets_can_be_replaced_and_deleted(api: ApiClient, database_url: str) -> None:
    created = (await post(api)).data
    path = f"{PATH}/{created['budgetId']}"
    body = {"scope": TWILIO, "period": "week", "limit_usd": 5, "thresholds": [10]}
    changed = (await api.ask("PUT", path, bearer=ADMIN, body=body)).data
    assert (changed["period"], changed["limitVersion"], changed["scope"]["value"]) == (
        "week", 2, "twilio",
    )  # fmt: skip
    assert (await api.ask("DELETE", path, bearer=ADMIN)).data["budgets"] == []
    for method, sent in (("PUT", body), ("DELETE", None)):
        unknown = await api.ask(method, path, bearer=ADMIN, body=sent)
        assert (unknown.status, unknown.code) == (404, "not_found")
    assert await review(database_url) is None


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"period": "call"}, "period"),
        ({"autoCutoff": True}, "autoCutoff"),
        ({"scope": {"kind": "user"}}, "scope.kind"),
        ({"scope": {"kind": "persona", "value": "x"}}, "scope.kind"),
        ({"scope": {"kind": "all", "value": "x"}}, "scope.value"),
        ({"scope": {"kind": "service"}}, "scope.value"),
        ({"scope": {"kind": "tag", "value": "acme"}}, "scope.key"),
        ({"scope": {"kind": "tag", "key": "customer"}}, "scope.value"),
        ({"scope": {"kind": "tag", "key": "Customer", "value": "acme"}}, "scope.key"),
        ({"scope": {"kind": "tag", "key": "customer", "value": ""}}, "scope.value"),
        ({"scope": {"kind": "tag", "key": "customer", "value": "a\0b"}}, "scope.value"),
        ({"scope": {"kind": "service", "key": "customer", "value": "acme"}}, "scope.key"),
        ({"limit_usd": -1}, "limit_usd"),
        ({"thresholds": [0]}, "thresholds"),
        ({"scope": {"kind": "service", "value": "a\0b"}}, "scope.value"),
    ],
)
async def test_invalid_budget_is_refused_by_name(
    api: ApiClient, body: dict[str, Any], word: str
) -> None:
    refused = await post(api, **body)
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert word in refused.json["error"]
    assert (await listed(api))["budgets"] == []


async def test_only_administrators_see_budgets_and_alerts(
    api: ApiClient, database_url: str
) -> None:
    await record(database_url, charged("one", user="alice", time=just_now(), amount=12, fee=0))
    created = (await post(api)).data
    path = f"{PATH}/{created['budgetId']}"
    body = {"period": "day", "limit_usd": 1}
    for role in ("user", "service"):
        bearer = token("alice", role=role)
        for method, place in (("GET", PATH), ("POST", PATH), ("PUT", path), ("DELETE", path)):
            sent = body if method in {"POST", "PUT"} else None
            answer = await api.ask(method, place, bearer=bearer, body=sent)
            assert (answer.status, answer.code) == (403, "forbidden")
    assert (await api.get("/api/costs/user/alice/alerts", "alice")).data["alerts"] == []
    assert (await api.get("/api/costs/user/alice/budgets", "alice")).data["budgets"] == []
    assert len((await listed(api))["alerts"]) == 2


async def test_channels_of_administrators_get_the_alerts(database_url: str) -> None:
    await record(database_url, charged("one", time=just_now(), amount=12, fee=0))
    async with receiver() as endpoint, receiver() as of_user, served_from(database_url) as api:
        await write_channel(database_url, endpoint.url, user_id=ADMINISTRATORS)
        await write_channel(database_url, of_user.url)
        budget = (await post(api, thresholds=[])).data
        async with delivery_worker(database_url):
            assert await until_ended(database_url, 1) == ["delivered"]
    [sent] = endpoint.accepted
    assert (sent.json["data"]["budgetId"], sent.json["data"]["userId"]) == (budget["budgetId"], "")
    assert of_user.requests == []


async def test_more_than_fifty_global_budgets_are_refused(api: ApiClient) -> None:
    for number in range(50):
        assert (await post(api, limit_usd=number)).status == 200
    refused = await post(api)
    assert (refused.status, refused.code) == (409, "too_many_budgets")
