"""The clock of the worker follows PostgreSQL and measures the skew of the host."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from ledger.postgres import clock as module
from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import Connection
from tests.support.clocks import system_clock_ahead

SECOND = timedelta(seconds=1)


class FakeServer:
    """A database that answers with the correct time."""

    def __init__(self, answer_seconds: float = 0) -> None:
        self._answer_seconds = answer_seconds

    async def fetchval(self, _: object) -> datetime:
        await asyncio.sleep(self._answer_seconds)
        return datetime.now(UTC)


async def sampled(clock: DatabaseClock, server: FakeServer) -> None:
    await clock.sample(cast(Connection, cast(Any, server)))


@pytest.mark.parametrize("hours", [-2, 0, 2])
async def test_time_follows_the_database_server(hours: int) -> None:
    ahead = timedelta(hours=hours)
    with system_clock_ahead(ahead):
        clock = DatabaseClock()
        assert abs(clock.now() - datetime.now(UTC) - ahead) < SECOND
        await sampled(clock, FakeServer())
        assert abs(clock.now() - datetime.now(UTC)) < SECOND
        assert abs(clock.skew - ahead) < SECOND
    assert abs(clock.now() - datetime.now(UTC)) < SECOND  # at any time of the host


async def test_slow_answer_is_not_used_as_a_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SLOW_ANSWER_NS", 50_000_000)
    clock = DatabaseClock()
    await sampled(clock, FakeServer(answer_seconds=0.1))
    first = clock.skew
    assert abs(first) < SECOND
    with system_clock_ahead(-timedelta(hours=1)):
        await sampled(clock, FakeServer(answer_seconds=0.1))
        assert clock.skew == first
        await sampled(clock, FakeServer())
        assert clock.skew < -timedelta(minutes=59)


async def test_large_skew_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = DatabaseClock()
    for ahead in (0, 60, 60, 0, 0):
        with system_clock_ahead(ahead * SECOND):
            await sampled(clock, FakeServer())
    actions = [vars(record)["action"] for record in caplog.records]
    assert actions == ["clock_skewed", "clock_right_again"]
