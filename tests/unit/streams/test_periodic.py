"""Periodic work goes on after a retryable error, on a new connection, and ends with `stop`."""

import asyncio
import logging
from typing import Any, cast

import pytest

from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

RETRY = RetryLog("the work failed", "work_retry")


class CountedConnection:
    """Counts how often it was terminated."""

    terminated = 0

    def terminate(self) -> None:
        self.terminated += 1


async def run(results: list[Exception | None]) -> CountedConnection:
    """Run work with these results, then stop."""
    stop, connection = asyncio.Event(), CountedConnection()

    async def work() -> None:
        error = results.pop(0)
        if not results:
            stop.set()
        if error is not None:
            raise error

    kept = cast(KeptConnection, cast(Any, connection))
    async with asyncio.timeout(60):
        await run_periodically(work, kept, stop, 0, RETRY)
    return connection


async def test_work_goes_on_after_an_error_on_a_new_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    results: list[Exception | None] = [None, OSError("gone"), None, OSError(), None]
    with caplog.at_level(logging.WARNING):
        connection = await run(results)
    assert results == []
    assert connection.terminated == 2 + 1  # after each error, and at the end
    assert [record.getMessage() for record in caplog.records] == [
        "the work failed: gone", "the work failed: OSError",
    ]  # fmt: skip


async def test_other_errors_end_the_work_and_its_connection() -> None:
    results: list[Exception | None] = [None, ValueError("a fault"), None]
    with pytest.raises(ValueError, match="a fault"):
        await run(results)
    assert results == [None]
