"""Events without a price are counted in the bodies of their call, user and all users."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import events
from tests.support.api import ApiClient, served_from, token
from tests.support.events import NOW
from tests.support.recorded_events import record
from tests.support.repricing import a_price, add
from tests.support.unpriced import price_unpriced

ADMIN = token("root", role="admin")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def counts(api: ApiClient, user: str, call: str) -> list[int]:
    """Return the count of the call, the call in the list, the user and all users."""
    one = (await api.get(f"/api/costs/call/{call}", user)).data
    listed: list[Any] = []
    for sort in ("", "?sort=totalCost"):
        listed += (await api.get(f"/api/costs/user/{user}/calls{sort}", user)).data["calls"]
    spending = (await api.get(f"/api/costs/user/{user}/spending?period=7d", user)).data
    path = "/api/admin/costs/analytics?period=7d"
    everyone = (await api.ask("GET", path, bearer=ADMIN)).data
    return [each["unpricedEvents"] for each in (one, *listed, spending, everyone)]


async def test_counts_follow_the_events_until_they_have_a_price(
    database_url: str, api: ApiClient
) -> None:
    talk = {"service": "vendor", "operation": "talk"}
    wrong = events.cost(**talk)
    alices = [events.cost(usage=n, **talk) for n in (1, 2)]
    fee = events.charged(processor="vendorpay")
    bobs = events.cost("call-2", "bob", **talk)
    await record(database_url, [events.started(), *alices, wrong, fee, events.cost(), bobs])
    assert await counts(api, "alice", "call-1") == [4, 4, 4, 4, 5]
    assert await counts(api, "bob", "call-2") == [1, 1, 1, 1, 5]
    lines = (await api.get("/api/costs/call/call-1", "alice")).data["apiCosts"]
    assert [line["unpriced"] for line in lines["vendor"]] == [True] * 3
    assert [line["unpriced"] for line in lines["twilio"]] == [False]
    await record(database_url, [events.voided(wrong)])
    assert await counts(api, "alice", "call-1") == [3, 3, 3, 3, 4]
    await add(database_url, a_price("vendor", "0.25", NOW))
    await price_unpriced(database_url)
    assert await counts(api, "alice", "call-1") == [1, 1, 1, 1, 1]
    listed = (await api.get("/api/costs/call/call-1/events", "alice")).data["events"]
    assert [one["type"] for one in listed if one["unpriced"]] == ["call.charged"]
    assert (await api.get("/api/costs/user/alice/spending?period=7d", "bob")).status == 403


async def test_revalidated_spending_notices_an_event_without_a_price(
    database_url: str, api: ApiClient
) -> None:
    """Such an event changes no sum, but the number of events without a price."""
    path = "/api/costs/user/alice/spending?period=7d"
    await record(database_url, [events.started()])
    first = await api.get(path, "alice")
    await record(database_url, [events.cost(service="vendor", operation="talk")])
    second = await api.get(path, "alice", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status, second.data["unpricedEvents"]) == (200, 1)
