"""The clock that events are judged by follows PostgreSQL's and measures the skew of the host's."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from ledger.postgres import clock as module
from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import Connection
from tests.support.clocks import system_clock_ahead

SECOND = timedelta(seconds=1)


class Server:
    """Answers with its time, which is the right one."""

    def __init__(self, answer_seconds: float = 0) -> None:
        self._answer_seconds = answer_seconds

    async def fetchval(self, _: object) -> datetime:
        await asyncio.sleep(self._answer_seconds)
        return datetime.now(UTC)


async def sampled(clock: DatabaseClock, server: Server) -> None:
    await clock.sample(cast(Connection, cast(Any, server)))


@pytest.mark.parametrize("hours", [-2, 0, 2])
async def test_time_is_the_servers_whatever_the_host_says(hours: int) -> None:
    ahead = timedelta(hours=hours)
    with system_clock_ahead(ahead):
        clock = DatabaseClock()
        assert abs(clock.now() - datetime.now(UTC) - ahead) < SECOND
        await sampled(clock, Server())
        assert abs(clock.now() - datetime.now(UTC)) < SECOND
        assert abs(clock.skew - ahead) < SECOND
    assert abs(clock.now() - datetime.now(UTC)) < SECOND  # however the host's clock is set


async def test_a_slow_answer_looks_like_no_skew_and_replaces_no_quick_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SLOW_ANSWER_NS", 50_000_000)
    clock = DatabaseClock()
    await sampled(clock, Server(answer_seconds=0.1))
    assert clock.skew == timedelta()
    with system_clock_ahead(-timedelta(hours=1)):
        await sampled(clock, Server(answer_seconds=0.1))
        assert clock.skew == timedelta()
        await sampled(clock, Server())
        assert clock.skew < -timedelta(minutes=59)


async def test_a_large_skew_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = DatabaseClock()
    for ahead in (0, 60, 60, 0, 0):
        with system_clock_ahead(ahead * SECOND):
            await sampled(clock, Server())
    actions = [vars(record)["action"] for record in caplog.records]
    assert actions == ["clock_skewed", "clock_right_again"]
