"""Cancelled agents leave no task behind that uses the broker."""

import asyncio
from contextlib import suppress

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from messaging.kafka import KafkaSettings
from streams.notifications import faust_agents as listening


async def test_cancelled_agents_leave_no_task_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    called = asyncio.Event()

    async def never(_: KafkaSettings) -> str:
        called.set()
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(listening, "cluster_id", never)
    kafka = KafkaSection("127.0.0.1:1").client()
    is_connected = asyncio.create_task(listening.run_agents(kafka, lambda _: None, asyncio.Event()))
    await called.wait()
    is_connected.cancel()
    with suppress(asyncio.CancelledError):
        await is_connected
    assert is_connected.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
