"""The live feed end to end: what a socket receives, and that it agrees with the ledger."""

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
from tests.support.live import LiveSystem, ago, live_system, restart

FIELDS = ["callId", "userId", "personaId", "tags", "status", "startedAt", "elapsed_seconds", "totalCost",
          "costByService", "chargedToUser", "projectedCost", "projection", "version", "updatedAt"]  # fmt: skip


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedTansu]:
    """A broker of the test, to be restarted."""
    async with EmbeddedTansu(tmp_path) as server:
        yield server


@pytest.fixture
async def system(broker: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(broker.bootstrap, database_url) as system:
        yield system


async def test_socket_shows_a_call_from_start_to_end(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        snapshot = await client.next()
        assert snapshot["type"] == "snapshot"
        assert snapshot["calls"] == []
        budget = (await replica.get("/api/costs/user/alice/budget", "alice")).data
        assert snapshot["budget"] == budget
        await system.record(started("c1", "alice", time=ago(seconds=60)))
        first = await client.until("c1")
        assert list(first) == FIELDS
        assert first["status"] == "active"
        assert 60 <= first["elapsed_seconds"] < 75
        await system.record(cost("c1", "alice", time=ago(seconds=30)))
        ticked = await client.until("c1", version=2)
        assert ticked["costByService"]["twilio"] == Decimal("0.014")
        assert ticked["totalCost"] == sum(ticked["costByService"].values())
        await system.record(ended("c1", "alice", time=ago(seconds=0)))
        over = await client.until("c1", status="completed")
        assert over["elapsed_seconds"] == 300
        assert over["projectedCost"] == over["totalCost"]
        shown = (await replica.get("/api/costs/call/c1", "alice")).data
        assert over["totalCost"] == shown["totalCost"]
        assert over["chargedToUser"] == shown["chargedToUser"] == Decimal("4.99")
        pushed = await client.next("budget")
        assert pushed["budget"]["currentDailySpend"] == Decimal("4.99")
        await system.alert("alice", 1)
        await client.alerts(1)
        await client.send(type="ping")
        await client.next("pong")
        for body in client.messages:
            validator(body["type"]).validate(body)
        assert {body["type"] for body in client.messages} == {
            "snapshot", "call", "budget", "alert", "pong",
        }  # fmt: skip


def validator(kind: str) -> Draft202012Validator:
    """Return the validator of messages that clients use."""
    text = (generate.FOLDER / f"live-{kind}.schema.json").read_text()
    return Draft202012Validator(json.loads(text))


async def test_users_receive_their_own_calls_and_admins_all(system: LiveSystem) -> None:
    async with (
        system.replica() as replica,
        replica.listening("alice") as alice,
        replica.listening("bob") as bob,
        replica.listening("root", role="admin") as admin,
    ):
        for client in (alice, bob, admin):
            await client.next("snapshot")
        for number, user in enumerate(("alice", "bob", "alice")):
            await system.record(cost(f"c{number}", user, time=ago(seconds=1)))
            await system.alert(user, number)
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


async def test_new_replica_knows_active_calls(system: LiveSystem) -> None:
    await system.record(
        started("c1", "alice", time=ago(seconds=9)), cost("c1", time=ago(seconds=5))
    )
    await system.record(cost("over", time=ago(seconds=9)), ended("over", time=ago(seconds=8)))
    await system.record(cost("held", None, time=ago(seconds=9)))
    async with system.replica() as replica, replica.listening() as client:
        snapshot = await client.next()
        assert [(call["callId"], call["version"]) for call in snapshot["calls"]] == [("c1", 1)]
        await system.record(cost("c1", time=ago(seconds=1)))
        await client.until("c1", version=2)


@pytest.mark.parametrize("role", ["user", "admin"])
async def test_snapshot_is_as_new_as_the_database(system: LiveSystem, role: str) -> None:
    """Another replica may already have sent the newer state."""
    async with system.replica() as replica:
        [first] = await system.record(cost("c1", time=ago(seconds=9)))
        await system.record(cost("c1", time=ago(seconds=5)), published=False)
        await system.record(cost("c2", time=ago(seconds=5)), published=False)
        async with replica.listening(role=role) as client:
            snapshot = await client.next()
            versions = {call["callId"]: call["version"] for call in snapshot["calls"]}
            assert versions == {"c1": 2, "c2": 1}
            await system.publish([first])  # late, and older than the sent state
            await system.record(cost("c1", time=ago(seconds=1)))
            assert (await client.until("c1", version=3))["version"] == 3
        await system.record(ended("c1", time=ago(seconds=0)), published=False)
        async with replica.listening(role=role) as client:
            await client.next()
            assert client.calls["c1"]["status"] == "completed"
            assert client.calls["c2"]["status"] == "active"


async def test_unpublished_changes_are_read_from_the_database(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        await system.record(cost("c1", time=ago(seconds=5)))
        await client.until("c1")
        await system.record(ended("c1", time=ago(seconds=0)), published=False)
        await system.record(cost("c2", time=ago(seconds=5)), published=False)
        await client.until("c1", status="completed")
        await client.until("c2")
    assert client.calls.keys() == {"c1", "c2"}


async def test_subscription_restricts_the_calls(system: LiveSystem) -> None:
    await system.record(*(cost(f"c{number}", time=ago(seconds=9)) for number in range(3)))
    await system.record(cost("of-bob", "bob", time=ago(seconds=9)))
    async with system.replica() as replica, replica.listening() as client:
        assert len((await client.next())["calls"]) == 3
        await client.send(type="subscribe", calls=["c1", "of-bob", "none"])
        assert [call["callId"] for call in (await client.next("snapshot"))["calls"]] == ["c1"]
        await system.record(*(cost(f"c{number}", time=ago(seconds=1)) for number in range(3)))
        await client.until("c1", version=2)
        assert client.calls.keys() == {"c1"}
        await client.send(type="subscribe")
        calls = (await client.next("snapshot"))["calls"]
        assert {(call["callId"], call["version"]) for call in calls} == {
            ("c0", 2), ("c1", 2), ("c2", 2),
        }  # fmt: skip
        await client.send(type="ping")
        assert await client.next("pong") == {"type": "pong"}


@pytest.mark.parametrize(
    "body",
    ["nonsense", "[]", "{}", '{"type": "shout"}', '{"type": "subscribe", "calls": 5}',
     '{"type": "subscribe", "calls": ["\\u0000"]}', '{"type": "ping", "x": 1}',
     json.dumps({"type": "subscribe", "calls": ["c"] * 201}), b"\x00"],
)  # fmt: skip
async def test_invalid_message_closes_the_socket(system: LiveSystem, body: str | bytes) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        if isinstance(body, bytes):
            await client.socket.send_bytes(body)
        else:
            await client.socket.send_str(body)
        assert await client.closed() == 1008


async def test_too_many_messages_close_the_socket(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        for _ in range(60):
            await client.send(type="ping")
        assert await client.closed() == 1008


async def test_unreadable_records_are_skipped(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        for rubbish in (b"", b"{", b"[]", b'{"callId": 5}', b"\xff"):
            await system.send(CALL_TOTALS.name, rubbish)
        for rubbish in (b"{}", b'{"id":"1","source":"s","data":[]}', b"\xff",
                        b'{"id":"1","source":"s","data":{"userId":5}}'):  # fmt: skip
            await system.send(BUDGET_ALERTS.name, rubbish)
        await system.record(cost("c1", time=ago(seconds=1)))
        await client.until("c1")
    assert client.calls.keys() == {"c1"}
    assert {message["type"] for message in client.messages} <= {"snapshot", "call", "budget"}


async def test_alert_published_twice_is_sent_once(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        for number in (1, 1, 2):
            await system.alert("alice", number)
        alert_ids = [alert["alertId"] for alert in await client.alerts(2)]
        assert alert_ids == ["a-1", "a-2"]


async def test_feed_survives_a_broker_that_lost_its_log(
    system: LiveSystem, broker: EmbeddedTansu
) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        await system.record(cost("c1", time=ago(seconds=5)))
        await client.until("c1")
        await broker.kill()
        # REST works, and the feed continues from the database alone.
        await system.record(cost("c1", time=ago(seconds=4)), published=False)
        await client.until("c1", version=2)
        assert (await replica.get("/api/costs/call/c1", "alice")).status == 200
        assert (await replica.get("/ready")).status == 200
        await restart(broker, system)
        await system.record(cost("c1", time=ago(seconds=3)))
        await client.until("c1", version=3)
        async with asyncio.timeout(30):
            number = 0
            while not any(body["type"] == "alert" for body in client.messages):
                number += 1
                await system.alert("alice", number)
                await system.record(cost("c1", time=ago(seconds=1)))
                await client.next()


async def test_without_a_broker_rest_works_and_the_feed_does_not(
    broker: EmbeddedTansu, database_url: str
) -> None:
    async with live_system(broker.bootstrap, database_url) as system:
        await broker.kill()
        async with system.replica(ready=False) as replica:
            response = await replica.get("/ready")
            assert response.status == 503
            assert "feed" in response.json["error"]
            bearer = token("alice")
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade",
                       "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
            refused = await replica.ask("GET", "/api/costs/live", bearer=bearer, headers=upgrade)
            assert (refused.status, refused.code) == (503, "unavailable")
            assert (await replica.get("/api/costs/user/alice/budget", "alice")).status == 200
            await restart(broker, system)
            await replica.until_ready()
            async with replica.listening() as client:
                assert (await client.next())["calls"] == []


async def test_budget_is_sent_at_most_once_a_second(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening() as client:
        await client.next()
        for number in range(30):
            await system.record(charged(f"c{number}", time=ago(seconds=1)))
        async with asyncio.timeout(60):
            budgets: list[dict[str, Any]] = []
            while not budgets or budgets[-1]["currentDailySpend"] != Decimal("149.7"):
                budgets.append((await client.next("budget"))["budget"])
        assert len(budgets) <= 6
        assert budgets[-1] == (await replica.get("/api/costs/user/alice/budget", "alice")).data
