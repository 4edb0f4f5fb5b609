"""What a persona's calls usually cost is exact, and used only with enough other users."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from ledger.live.calls import LiveStore
from ledger.live.usual_calls import CallLengths, UsualCall, UsualServiceCost
from ledger.postgres.viewers import reader_pool
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.events import cost, ended, started
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.live import LiveSystem, ago, live_system
from tests.support.logins import as_login

NOON = datetime(2025, 11, 19, 12, tzinfo=UTC)


@pytest.fixture
async def system(tmp_path: Path, database_url: str) -> AsyncIterator[LiveSystem]:
    async with (
        EmbeddedTansu(tmp_path) as broker,
        live_system(broker.bootstrap, database_url) as system,
    ):
        yield system


async def test_projection_does_not_reveal_the_only_call_of_another_user(system: LiveSystem) -> None:
    async with system.replica() as replica, replica.listening("bob") as client:
        await client.next("snapshot")
        for event in (
            started("of-alice", "alice", persona="shared", time=ago(seconds=3_600)),
            cost("of-alice", "alice", time=ago(seconds=3_500)),
            ended("of-alice", "alice", duration_seconds=1_234, time=ago(seconds=2_300)),
            started("of-bob", "bob", persona="shared", time=ago(seconds=60)),
        ):
            await system.record(event)
        await client.until("of-bob")
        for minute in range(3):
            await system.record(cost("of-bob", "bob", time=ago(seconds=30 - minute)))
            result = await client.until("of-bob", version=2 + minute)
        assert result["totalCost"] > Decimal("0.04")
        assert result["projectedCost"] == result["totalCost"]


async def test_usual_calls_are_means_of_the_last_calls_by_user(database_url: str) -> None:
    async with rows(database_url) as ledger:
        for number in range(7):
            for persona, users in (("one", 1), ("five", 5), ("many", 7)):
                await ledger.call(
                    LiveCallRow(
                        call_id=f"{persona}-{number}",
                        user_id=f"user-{number % users}",
                        persona_id=persona,
                        at=NOON + timedelta(hours=number),
                        duration_ms=60_001 + number,
                        status="terminated" if number == 6 else "completed",
                        costs={"twilio": 1_234, **({"stripe": 445} if number < 2 else {})},
                    )
                )
        await ledger.call(LiveCallRow(call_id="x", user_id=None, persona_id="ownerless", at=NOON))
    await enter_plans(database_url, SamplePlan("per_call", "1", user="user-0"))
    async with reader_pool(as_login(database_url, "api")) as readers:
        store = LiveStore(readers)
        by_persona = await store.usual_calls(
            ["one", "five", "many", "ownerless", "none"], ["stripe"]
        )
        prices = await store.charge_prices()
        assert (prices.default_charge_nano(NOON), prices.plans.version) == (4_990_000_000, 1)
    assert by_persona.keys() == {"one", "five", "many"}
    assert {name: (found.users, found.of_all.calls) for name, found in by_persona.items()} == {
        "one": (1, 7),
        "five": (5, 7),
        "many": (7, 7),
    }
    assert by_persona["one"].usual("user-0") == UsualCall(
        7,
        CallLengths(7 * 60_004, 7, 0),
        None,
        {"twilio": UsualServiceCost(1_234, 1000), "stripe": UsualServiceCost(445, 286)},
    )
    assert by_persona["one"].usual("user-1") is None
    assert by_persona["five"].by_user["user-1"].by_call.duration_ms == 2 * 60_002 + 5
    stranger = by_persona["five"].usual("stranger")
    assert stranger is not None
    assert stranger.duration_ms == 60_000
    assert not by_persona["many"].by_user
    rounded = UsualCall(
        7, CallLengths(60_000, 1, 0), None, {"twilio": UsualServiceCost(1_200, 1000)}
    )
    assert by_persona["many"].usual("user-0") == rounded, "a service of two users is not shown"
