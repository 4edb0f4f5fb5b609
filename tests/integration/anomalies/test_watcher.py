"""The watcher checks ended calls after a delay, loses none on failures, and is bounded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.anomalies.rows import AnomalyStore, anomaly_store
from streams.anomalies import watcher as module
from streams.anomalies.watcher import AnomalyWatcher, AnomalyWatcherOptions
from tests.support.anomalies import (
    HOUR,
    MINUTE,
    NOW,
    USD,
    count_announced,
    row,
    stored_anomalies,
    sweep_from,
    write_calls,
    write_history,
)
from tests.support.recording import fetch, until

OPTIONS = AnomalyWatcherOptions(spike_delay_ms=0, poll_ms=20, every=timedelta(days=1))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[AnomalyStore]:
    await write_history(database_url)
    await write_calls(
        database_url, *(row(f"expensive-{n}", NOW - MINUTE, elevenlabs=5 * USD) for n in range(3))
    )
    async with anomaly_store(database_url) as store:
        yield store


async def test_ended_call_is_checked_after_the_delay(
    store: AnomalyStore, database_url: str
) -> None:
    watcher = AnomalyWatcher(store, replace(OPTIONS, spike_delay_ms=100_000), lambda: NOW)
    watcher.notify("expensive-0")
    assert not await watcher.step()
    assert await stored_anomalies(database_url) == []
    ready = AnomalyWatcher(store, OPTIONS, lambda: NOW)
    for _ in range(3):
        ready.notify("expensive-0")
    assert not await ready.step()
    assert len(await stored_anomalies(database_url)) == 1
    await fetch(database_url, "DELETE FROM cost_anomalies")
    await ready.step()
    assert await stored_anomalies(database_url) == []  # it is dropped


async def test_many_calls_are_checked_in_batches(
    store: AnomalyStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALLS_AT_ONCE", 2)
    watcher = AnomalyWatcher(store, OPTIONS, lambda: NOW)
    for n in range(3):
        watcher.notify(f"expensive-{n}")
    assert await watcher.step()
    assert len(await stored_anomalies(database_url)) == 2
    assert not await watcher.step()
    assert len(await stored_anomalies(database_url)) == 3


async def test_sweep_finds_calls_beyond_the_memory_limit(
    store: AnomalyStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 1)
    await sweep_from(database_url, NOW - HOUR)
    watcher = AnomalyWatcher(store, replace(OPTIONS, every=MINUTE), lambda: NOW)
    watcher.notify("expensive-0")
    watcher.notify("expensive-1")
    await watcher.step()
    assert [one[1] for one in await stored_anomalies(database_url)] == ["expensive-0"]
    later = AnomalyWatcher(store, replace(OPTIONS, every=MINUTE), lambda: NOW + HOUR)
    await later.step()
    assert len(await stored_anomalies(database_url)) == 3
    assert await count_announced(database_url) == 3


async def test_closed_database_connections_are_replaced(
    store: AnomalyStore, database_url: str
) -> None:
    stop = asyncio.Event()
    watcher = AnomalyWatcher(store, OPTIONS, lambda: NOW)
    running = asyncio.create_task(watcher.run(stop))
    for n in range(3):
        watcher.notify(f"expensive-{n}")
        await fetch(
            database_url,
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'cost-analytics anomalies' AND datname = current_database()""",
        )
        await asyncio.sleep(0.05)

    async def all_found() -> bool:
        return len(await stored_anomalies(database_url)) == 3

    await until(all_found)
    stop.set()
    await running
    assert await count_announced(database_url) == 3
