"""Parallel decisions of two replicas never let more than the prepaid balance through."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from api.http.options import ApiOptions
from schemas.alerts import SpendBasis
from tests.support import parts
from tests.support.alerting import just_now
from tests.support.api import ApiClient, served_from, token
from tests.support.events import charged, granted, started
from tests.support.recording import BatchWriter, TopicLog

AUTHORIZE, CREDITS = "/api/costs/user/alice/authorize", "/api/costs/user/alice/credits"
CONNECTIONS = 16
"""Requests at the same time: more would only wait in the API."""
SERVICE, ALICE = token("bot", role="service"), token("alice")


@dataclass
class Asking:
    """Asks for decisions, and measures how long they take."""

    seconds: list[float] = field(default_factory=list)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def start(self, api: ApiClient, call: str, **body: Any) -> Any:
        """Return the answer to `authorize`."""
        return await self._ask(api, AUTHORIZE, {"callId": call, **body})

    async def turn(self, api: ApiClient, call: str, turn: str, amount: str) -> Any:
        """Return the answer to `reserve`."""
        costs = [{"source": "/bot", "id": turn, "amount": amount}]
        body = {"userId": "alice", "costs": costs}
        return await self._ask(api, f"/api/costs/call/{call}/reserve", body)

    async def _ask(self, api: ApiClient, path: str, body: Any) -> Any:
        while True:
            async with self.slots:
                began = time.monotonic()
                response = await api.ask("POST", path, bearer=SERVICE, body=body)
            if response.status == 200:
                self.seconds.append(time.monotonic() - began)
                return response.data
            assert response.status in {429, 503}, response.body
            await asyncio.sleep(0.5)


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


@pytest.mark.parametrize("basis", ["charged", "cost"])
async def test_parallel_decisions_never_let_more_than_the_balance_through(
    database_url: str, basis: SpendBasis
) -> None:
    now, asking = just_now(), Asking()
    await record(database_url, granted("alice", amount=50, time=now))
    await record(database_url, *(started(f"turns-{n}", "alice", time=now) for n in range(20)))
    options = ApiOptions(budget_basis=basis)
    async with (
        served_from(database_url, options=options) as one,
        served_from(database_url, options=options) as other,
    ):
        apis = (one, other)
        starts = [
            asking.start(apis[n % 2], f"call-{n}", expectedDuration_seconds=60) for n in range(40)
        ]
        turns = [asking.turn(apis[n % 2], f"turns-{n % 20}", str(n), "0.001") for n in range(60)]
        answers = await asyncio.gather(*starts, *turns)
        allowed = {one["callId"] for one in answers if one.get("allowed") or one.get("granted")}
        refused = [one for one in answers if not (one.get("allowed") or one.get("granted"))]
        assert len(allowed) == 10, "ten calls of 4.99 fit into 50"
        assert {one["budget"] for one in refused} == {"balance"}
        ends = [charged(call, amount="4.99", time=now) for call in sorted(allowed)]
        await record(database_url, *ends)
        p50, *_, p99 = (statistics.quantiles(asking.seconds, n=100)[at - 1] for at in (50, 99))
        parts.figures.append(
            f"prepaid balance by {basis}, {len(answers)} parallel decisions, two replicas: "
            f"{len(allowed)} calls allowed, 0 above the balance, "
            f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"
        )
        await _assert_used_up(database_url, one, basis)


async def _assert_used_up(database_url: str, api: ApiClient, basis: SpendBasis) -> None:
    """Ten cents are left: enough for a call of nothing, not for the default charge."""
    asking = Asking()
    credit = (await api.ask("GET", CREDITS, bearer=ALICE)).data
    assert credit["balance_usd"] == Decimal("0.1")
    last = await asking.start(api, "x", estimatedCost=0)
    assert last["allowed"] is (basis == "charged")
    await record(database_url, charged("late", amount="0.10", time=just_now()))
    for answer in (
        await asking.start(api, "y", estimatedCost=0),
        await asking.turn(api, "turns-x", "y", "0"),
    ):
        assert (answer["budget"], answer["remaining"]) == ("balance", 0)
