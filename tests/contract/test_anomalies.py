"""From an event to the anomalies topic, on every broker: found by an agent, published once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.topics import ANOMALIES, CALL_TOTALS
from streams.anomalies.watcher import AnomalyWatcherOptions
from streams.notifications.faust_agents import ended_call_of, run_agents
from streams.notifications.service import NotificationOptions, run_notifications
from tests.support.events import Plain, cost, ended, started
from tests.support.recording import until
from tests.support.streaming import Pipeline

START_SECONDS = 60
NEVER = timedelta(days=1)


def call(name: str, at: datetime, characters: int = 3_000) -> list[Plain]:
    """Return a call of five minutes: five cents of telephony, and speech of this cost."""
    line: dict[str, Any] = {"time": at}
    usages = (
        ("twilio", "voice", 5, "minutes"),
        ("deepgram", "transcription", 200, "seconds"),
        ("cerebras", "inference", 5_000, "tokens"),
        ("elevenlabs", "tts", characters, "characters"),
    )
    models = {"cerebras": {"model": "llama3.1-8b"}, "elevenlabs": {"model": "eleven_turbo_v2_5"}}
    costs = [
        cost(
            name, service=service, operation=operation, usage=usage, unit=unit,
            **models.get(service, {}), **line,
        )
        for service, operation, usage, unit in usages
    ]  # fmt: skip
    return [started(name, **line), *costs, ended(name, time=at + timedelta(minutes=5))]


async def test_expensive_call_is_published_once(pipeline: Pipeline) -> None:
    """The sweep is off, so the agent must find the call."""
    stop, now = asyncio.Event(), datetime.now(UTC)
    watch = AnomalyWatcherOptions(spike_delay_ms=100, poll_ms=50, every=NEVER)
    usual = [e for n in range(1, 12) for e in call(f"usual-{n}", now - timedelta(hours=n))]
    async with pipeline.worker() as worker:
        await pipeline.send(usual)
        await pipeline.until_counted(len(usual), worker)
        options = NotificationOptions(pipeline.database_url, {}, pipeline.kafka, watch=watch)
        running = asyncio.create_task(run_notifications(options, stop))
        sent = 0

        async def published() -> bool:
            nonlocal sent  # the agent starts at the current end of the topic
            sent += 1
            await pipeline.send(call(f"expensive-{sent}", now - timedelta(minutes=6), 90_000))
            return bool(await pipeline.read_all(ANOMALIES.name))

        await until(published, START_SECONDS)
        await pipeline.send(call("last", now - timedelta(minutes=6), 900_000))

        async def last_call_arrived() -> bool:
            records = await pipeline.read_all(ANOMALIES.name)
            return any(json.loads(record.value)["data"]["callId"] == "last" for record in records)

        await until(last_call_arrived, START_SECONDS)
        stop.set()
        await running
    records = await pipeline.read_all(ANOMALIES.name)
    events = [json.loads(record.value) for record in records]
    assert len({event["id"] for event in events}) == len(events)
    assert {record.key for record in records} == {b"alice"}
    [last] = [event for event in events if event["data"]["callId"] == "last"]
    assert (last["type"], last["data"]["kind"]) == ("cost.anomaly.detected", "call_spike")
    assert (last["data"]["service"], last["data"]["observed_usd"]) == ("elevenlabs", 135)
    assert last["data"]["publishedAt"] >= last["data"]["committedAt"]


async def test_agent_checks_ended_calls_only(pipeline: Pipeline) -> None:
    received: list[str] = []
    stop, now = asyncio.Event(), datetime.now(UTC)
    listening = asyncio.create_task(
        run_agents(pipeline.kafka, lambda _: None, stop, on_ended=received.append)
    )
    async with pipeline.worker():
        sent = 0

        async def any_call_arrived() -> bool:
            nonlocal sent
            sent += 1
            await pipeline.send([*call(f"over-{sent}", now), started(f"goes-on-{sent}", time=now)])
            return bool(received)

        await until(any_call_arrived, START_SECONDS)
        await pipeline.send([started("goes-on", time=now), *call("over", now)])

        async def last_call_arrived() -> bool:
            return "over" in received

        await until(last_call_arrived, START_SECONDS)
        stop.set()
        await listening
    assert not [name for name in received if name.startswith("goes-on")]
    assert b'"status":"active"' in b"".join(
        record.value or b"" for record in await pipeline.read_all(CALL_TOTALS.name)
    )


def test_only_totals_of_ended_calls_name_a_call() -> None:
    for value in (None, b"", b"[]", b"{}", b"\xff", b'{"callId":1,"status":"completed"}'):
        assert ended_call_of(value) is None
    assert ended_call_of(b'{"callId":"a","status":"active"}') is None
    assert ended_call_of(b'{"callId": "a", "status": "active"}') is None
    assert ended_call_of(b'{"callId":"a","status":"terminated"}') == "a"
