"""The costs of the last ten minutes, from a running feed: each user their own, administrators all."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.support.api import token
from tests.support.events import cost, started
from tests.support.live import LiveSystem, Replica, ago, live_system


@pytest.fixture
async def system(database_url: str, tmp_path: Path) -> AsyncIterator[LiveSystem]:
    async with (
        EmbeddedTansu(tmp_path) as broker,
        live_system(broker.bootstrap, database_url) as system,
    ):
        yield system


async def recent(replica: Replica, path: str, user: str, role: str = "user") -> dict[str, Decimal]:
    """Return the costs of the last ten minutes by service."""
    response = await replica.ask("GET", f"/api/{path}/recent", bearer=token(user, role=role))
    body = response.data
    assert all(len(amounts) == body["steps"] for amounts in body["costByService"].values())
    return {service: sum(amounts) for service, amounts in body["costByService"].items()}


async def test_recent_costs_are_those_of_the_user_and_for_admins_of_all(
    system: LiveSystem,
) -> None:
    """Costs from before the start of the replica are not known to be recent."""
    alices, bobs, own = {"twilio": Decimal("0.014")}, "costs/user/bob", "costs/user/alice"
    await system.record(started("old", "alice", time=ago(seconds=70)))
    await system.record(cost("old", "alice", totalCost="9", time=ago(seconds=60)))
    async with system.replica() as replica:
        await system.record(cost("old", "alice", totalCost="1", time=ago(seconds=1)))
        await system.record(cost("c1", "alice", time=ago(seconds=0)))
        await system.record(started("c2", "bob", time=ago(seconds=0)))
        await system.record(cost("c2", "bob", time=ago(seconds=0)))
        alices["twilio"] += 1
        # The topic has several partitions: each user's costs arrive in their own time.
        async with asyncio.timeout(60):
            while "twilio" not in await recent(replica, bobs, "bob"):
                await asyncio.sleep(0.1)
            while (found := await recent(replica, own, "alice")).get("twilio") != alices["twilio"]:
                await asyncio.sleep(0.1)
        everyones = await recent(replica, "admin/costs", "root", "admin")
        for service, amount in everyones.items():
            bob = (await recent(replica, bobs, "bob")).get(service, 0)
            assert amount == found.get(service, 0) + bob
        assert await recent(replica, bobs, "root", "admin") == await recent(replica, bobs, "bob")
        for path, user, role in (
            (bobs, "alice", "user"),
            ("admin/costs", "alice", "user"),
            (bobs, "bob", "service"),
        ):
            bearer = token(user, role=role)
            refused = await replica.ask("GET", f"/api/{path}/recent", bearer=bearer)
            assert (refused.status, b"twilio" in refused.body) == (403, False)
