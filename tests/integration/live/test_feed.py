"""The live feed end to end: what a socket is told, to whom, and that it agrees with the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devkit.embedded.tansu import EmbeddedTansu
from schemas import generate
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS
from tests.support.api import token
from tests.support.events import charged, cost, ended, started
from tests.support.live import World, ago, restart, world_on

FIELDS = ["callId", "userId", "personaId", "status", "startedAt", "elapsed_seconds", "totalCost",
          "costByService", "chargedToUser", "projectedCost", "version", "updatedAt"]  # fmt: skip


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedTansu]:
    """A broker of the test's own, to be restarted."""
    async with EmbeddedTansu(tmp_path) as server:
        yield server


@pytest.fixture
async def world(broker: EmbeddedTansu, database_url: str) -> AsyncIterator[World]:
    async with world_on(broker.bootstrap, database_url) as world:
        yield world


async def test_a_call_is_seen_to_start_to_tick_and_to_end(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        snapshot = await heard.next()
        assert snapshot["type"] == "snapshot"
        assert snapshot["calls"] == []
        budget = (await replica.get("/api/costs/user/alice/budget", "alice")).data
        assert snapshot["budget"] == budget
        await world.happen(started("c1", "alice", time=ago(seconds=60)))
        first = await heard.until("c1")
        assert list(first) == FIELDS
        assert first["status"] == "active"
        assert 60 <= first["elapsed_seconds"] < 75
        await world.happen(cost("c1", "alice", time=ago(seconds=30)))
        ticked = await heard.until("c1", version=2)
        assert ticked["costByService"]["twilio"] == Decimal("0.014")
        assert ticked["totalCost"] == sum(ticked["costByService"].values())
        await world.happen(ended("c1", "alice", time=ago(seconds=0)))
        over = await heard.until("c1", status="completed")
        assert over["elapsed_seconds"] == 300
        assert over["projectedCost"] == over["totalCost"]
        shown = (await replica.get("/api/costs/call/c1", "alice")).data
        assert over["totalCost"] == shown["totalCost"]
        assert over["chargedToUser"] == shown["chargedToUser"] == Decimal("4.99")
        pushed = await heard.next("budget")
        assert pushed["budget"]["currentDailySpend"] == Decimal("4.99")
        await world.alert("alice", 1)
        await heard.alerts(1)
        await heard.say(type="ping")
        await heard.next("pong")
        for said in heard.messages:
            validator(said["type"]).validate(said)
        assert {said["type"] for said in heard.messages} == {
            "snapshot", "call", "budget", "alert", "pong",
        }  # fmt: skip


def validator(kind: str) -> Draft202012Validator:
    """Return what checks a message by the schema that clients have."""
    text = (generate.FOLDER / f"live-{kind}.schema.json").read_text()
    return Draft202012Validator(json.loads(text))


async def test_nobody_hears_of_somebody_elses_calls_but_admins_of_all(world: World) -> None:
    async with (
        world.replica() as replica,
        replica.listening("alice") as alice,
        replica.listening("bob") as bob,
        replica.listening("root", role="admin") as admin,
    ):
        for heard in (alice, bob, admin):
            await heard.next("snapshot")
        for number, user in enumerate(("alice", "bob", "alice")):
            await world.happen(cost(f"c{number}", user, time=ago(seconds=1)))
            await world.alert(user, number)
        for number in range(3):
            await admin.until(f"c{number}")
        await alice.until("c0")
        await alice.until("c2")
        await bob.until("c1")
        alerts = sorted(alert["userId"] for alert in await admin.alerts(3))
        assert alerts == ["alice", "alice", "bob"]
        [alert] = await bob.alerts(1)
        assert alert == {"alertId": "a-1", "userId": "bob", "type": "daily", "limit_usd": 10}
        assert {call["userId"] for call in alice.calls.values()} == {"alice"}
        assert alice.calls.keys() == {"c0", "c2"}
        assert bob.calls.keys() == {"c1"}
        assert admin.calls.keys() == {"c0", "c1", "c2"}


async def test_a_replica_that_starts_in_mid_call_knows_the_call(world: World) -> None:
    await world.happen(started("c1", "alice", time=ago(seconds=9)), cost("c1", time=ago(seconds=5)))
    await world.happen(cost("over", time=ago(seconds=9)), ended("over", time=ago(seconds=8)))
    await world.happen(cost("held", None, time=ago(seconds=9)))
    async with world.replica() as replica, replica.listening() as heard:
        snapshot = await heard.next()
        assert [(call["callId"], call["version"]) for call in snapshot["calls"]] == [("c1", 1)]
        await world.happen(cost("c1", time=ago(seconds=1)))
        await heard.until("c1", version=2)


@pytest.mark.parametrize("role", ["user", "admin"])
async def test_a_snapshot_is_as_new_as_the_database_though_the_topic_is_late(
    world: World, role: str
) -> None:
    """Another replica may have told the newer state already."""
    async with world.replica() as replica:
        [first] = await world.happen(cost("c1", time=ago(seconds=9)))
        await world.happen(cost("c1", time=ago(seconds=5)), published=False)
        await world.happen(cost("c2", time=ago(seconds=5)), published=False)
        async with replica.listening(role=role) as heard:
            snapshot = await heard.next()
            versions = {call["callId"]: call["version"] for call in snapshot["calls"]}
            assert versions == {"c1": 2, "c2": 1}
            await world.publish([first])  # late, and older than what was told
            await world.happen(cost("c1", time=ago(seconds=1)))
            assert (await heard.until("c1", version=3))["version"] == 3
        await world.happen(ended("c1", time=ago(seconds=0)), published=False)
        async with replica.listening(role=role) as heard:
            await heard.next()
            assert heard.calls["c1"]["status"] == "completed"
            assert heard.calls["c2"]["status"] == "active"


async def test_what_the_topic_keeps_back_comes_from_the_database(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        await world.happen(cost("c1", time=ago(seconds=5)))
        await heard.until("c1")
        await world.happen(ended("c1", time=ago(seconds=0)), published=False)
        await world.happen(cost("c2", time=ago(seconds=5)), published=False)
        await heard.until("c1", status="completed")
        await heard.until("c2")


async def test_one_who_asks_for_some_calls_hears_of_them_only(world: World) -> None:
    await world.happen(*(cost(f"c{number}", time=ago(seconds=9)) for number in range(3)))
    await world.happen(cost("of-bob", "bob", time=ago(seconds=9)))
    async with world.replica() as replica, replica.listening() as heard:
        assert len((await heard.next())["calls"]) == 3
        await heard.say(type="subscribe", calls=["c1", "of-bob", "none"])
        assert [call["callId"] for call in (await heard.next("snapshot"))["calls"]] == ["c1"]
        await world.happen(*(cost(f"c{number}", time=ago(seconds=1)) for number in range(3)))
        await heard.until("c1", version=2)
        assert heard.calls.keys() == {"c1"}
        await heard.say(type="subscribe")
        calls = (await heard.next("snapshot"))["calls"]
        assert {(call["callId"], call["version"]) for call in calls} == {
            ("c0", 2), ("c1", 2), ("c2", 2),
        }  # fmt: skip
        await heard.say(type="ping")
        assert await heard.next("pong") == {"type": "pong"}


@pytest.mark.parametrize(
    "said",
    ["nonsense", "[]", "{}", '{"type": "shout"}', '{"type": "subscribe", "calls": 5}',
     '{"type": "subscribe", "calls": ["\\u0000"]}', '{"type": "ping", "x": 1}',
     json.dumps({"type": "subscribe", "calls": ["c"] * 201}), b"\x00"],
)  # fmt: skip
async def test_what_makes_no_sense_ends_the_talk(world: World, said: str | bytes) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        if isinstance(said, bytes):
            await heard.socket.send_bytes(said)
        else:
            await heard.socket.send_str(said)
        assert await heard.closed() == 1008


async def test_who_talks_too_much_is_shown_the_door(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        for _ in range(60):
            await heard.say(type="ping")
        assert await heard.closed() == 1008


async def test_unreadable_records_are_passed_over(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        for rubbish in (b"", b"{", b"[]", b'{"callId": 5}', b"\xff"):
            await world.send(CALL_TOTALS.name, rubbish)
        for rubbish in (b"{}", b'{"id":"1","source":"s","data":[]}', b"\xff",
                        b'{"id":"1","source":"s","data":{"userId":5}}'):  # fmt: skip
            await world.send(BUDGET_ALERTS.name, rubbish)
        await world.happen(cost("c1", time=ago(seconds=1)))
        await heard.until("c1")


async def test_an_alert_that_is_published_twice_is_told_once(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        for number in (1, 1, 2):
            await world.alert("alice", number)
        told = [alert["alertId"] for alert in await heard.alerts(2)]
        assert told == ["a-1", "a-2"]


async def test_the_broker_loses_its_log_and_nobody_notices(
    world: World, broker: EmbeddedTansu
) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        await world.happen(cost("c1", time=ago(seconds=5)))
        await heard.until("c1")
        await broker.kill()
        # REST goes on, and the feed goes on from the database alone.
        await world.happen(cost("c1", time=ago(seconds=4)), published=False)
        await heard.until("c1", version=2)
        assert (await replica.get("/api/costs/call/c1", "alice")).status == 200
        assert (await replica.get("/ready")).status == 200
        await restart(broker, world)
        await world.happen(cost("c1", time=ago(seconds=3)))
        await heard.until("c1", version=3)
        async with asyncio.timeout(30):
            number = 0
            while not any(said["type"] == "alert" for said in heard.messages):
                number += 1
                await world.alert("alice", number)
                await world.happen(cost("c1", time=ago(seconds=1)))
                await heard.next()


async def test_without_a_broker_there_is_rest_but_no_feed(
    broker: EmbeddedTansu, database_url: str
) -> None:
    async with world_on(broker.bootstrap, database_url) as world:
        await broker.kill()
        async with world.replica(ready=False) as replica:
            answer = await replica.get("/ready")
            assert answer.status == 503
            assert "feed" in answer.json["error"]
            bearer = token("alice")
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade",
                       "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
            refused = await replica.ask("GET", "/api/costs/live", bearer=bearer, headers=upgrade)
            assert (refused.status, refused.code) == (503, "unavailable")
            assert (await replica.get("/api/costs/user/alice/budget", "alice")).status == 200
            await restart(broker, world)
            await replica.until_ready()
            async with replica.listening() as heard:
                assert (await heard.next())["calls"] == []


async def test_a_charge_moves_the_budget_once_a_second_at_most(world: World) -> None:
    async with world.replica() as replica, replica.listening() as heard:
        await heard.next()
        for number in range(30):
            await world.happen(charged(f"c{number}", time=ago(seconds=1)))
        async with asyncio.timeout(10):
            budgets: list[dict[str, Any]] = []
            while not budgets or budgets[-1]["currentDailySpend"] != Decimal("149.7"):
                budgets.append((await heard.next("budget"))["budget"])
        assert len(budgets) <= 6
        assert budgets[-1] == (await replica.get("/api/costs/user/alice/budget", "alice")).data
