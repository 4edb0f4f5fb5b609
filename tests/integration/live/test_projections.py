"""What an active call is projected to cost agrees with what it costs in the end."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from api.live.usual_calls import UsualCalls
from devkit.simulation.participants import DEMO_USER, PERSONAS
from devkit.simulation.past import past_records
from devkit.simulation.planning import SimulationRequest, plan_for
from ledger.live.calls import LiveStore
from ledger.postgres.viewers import reader_pool
from tests.support.logins import as_login
from tests.support.projections import (
    Accuracy,
    accuracy,
    plain_call,
    record_history,
    reported,
    simulated_call,
)

CALLS = 103
HISTORY = 400
LENGTHS = {"30 s": 30, "5 min": 300, "40 min": 2_400}
ENDINGS = ("charged", "uncharged", "free")


@asynccontextmanager
async def expecting(database_url: str, personas: list[str]) -> AsyncIterator[UsualCalls]:
    """Return what the feed expects of calls with these personas."""
    async with reader_pool(as_login(database_url, "api")) as readers:
        expectations = UsualCalls(LiveStore(readers))
        for persona in personas:
            expectations.usual(persona, "another-user")
        await expectations.refresh()
        yield expectations


def report(capsys: pytest.CaptureFixture[str], name: str, found: Accuracy) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n  projection, {name}: {found}\n")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_first_projection_of_simulated_calls_is_right(
    database_url: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    request = SimulationRequest(users=20, calls=HISTORY, rate=0, seed=seed, past_days=45)
    plan = plan_for(request, round(now.timestamp() * 1000))
    await record_history(database_url, [record.value for record in past_records(plan)])
    calls = [
        simulated_call(Random(f"{seed}:{number}"), DEMO_USER, now - timedelta(hours=1))
        for number in range(CALLS)
    ]
    async with expecting(database_url, [persona.id for persona in PERSONAS]) as expectations:
        found = accuracy(calls, expectations)
    report(capsys, f"simulation, seed {seed}", found)
    assert found.calls == CALLS
    assert 0.8 <= found.first <= 1.25
    assert 0.8 <= found.half <= 1.25
    assert 0.65 <= found.in_range <= 0.97


@pytest.mark.parametrize("length", LENGTHS)
async def test_first_projection_is_right_for_short_and_long_calls(
    database_url: str, length: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, now = Random(length), datetime.now(UTC)
    seconds = LENGTHS[length]

    def call(ending: str, number: int, begins: datetime) -> list[dict[str, object]]:
        return plain_call(rng, f"{ending}-{number}", begins, seconds, ending)

    earlier = [
        event
        for ending in ENDINGS
        for number in range(40)
        for event in call(ending, number, now - timedelta(days=2))
    ]
    await record_history(database_url, earlier)
    async with expecting(database_url, [f"of-{seconds}-{one}" for one in ENDINGS]) as expectations:
        for ending in ENDINGS:
            calls = [
                reported(call(ending, number, now - timedelta(hours=2)))
                for number in range(100, 131)
            ]
            found = accuracy(calls, expectations)
            report(capsys, f"{length}, {ending}", found)
            assert found.calls == len(calls)
            assert 0.8 <= found.first <= 1.25
            assert 0.8 <= found.half <= 1.25
            assert found.in_range >= 0.65


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_without_earlier_calls_the_first_projection_is_right(
    database_url: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [
        simulated_call(Random(f"{seed}:{number}"), DEMO_USER, datetime.now(UTC))
        for number in range(CALLS)
    ]
    async with expecting(database_url, [persona.id for persona in PERSONAS]) as expectations:
        found = accuracy(calls, expectations)
    report(capsys, f"no earlier calls, seed {seed}", found)
    assert found.calls > CALLS // 2
    assert 0.8 <= found.first <= 1.25
