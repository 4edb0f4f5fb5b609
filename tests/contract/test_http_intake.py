"""Events accepted over HTTP are in Kafka, and repeated requests count once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.intake import RESPONSE_SECONDS_MAX, KafkaIntake
from devkit.embedded.tansu import EmbeddedTansu
from messaging.kafka import KafkaSettings
from schemas.topics import CALL_EVENTS
from tests.support import parts
from tests.support.api import ApiClient, ApiResponse, served, token
from tests.support.events import cost, structured
from tests.support.recording import assert_verified, codes, fetch
from tests.support.streaming import Pipeline

SENDS = 1_000
REPEATS = 300
AT_ONCE = 16
SERVICE = token("pipeline", role="service")
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@asynccontextmanager
async def serving_intake(kafka: KafkaSettings) -> AsyncIterator[ApiClient]:
    """Serve the HTTP intake on a broker, without a database."""
    intake = KafkaIntake(kafka)
    try:
        async with served(events=intake) as api:
            yield api
    finally:
        await intake.close()


def body(number: int) -> dict[str, Any]:
    """Return a body of a cost: a minute of telephony."""
    return {
        "callId": f"call-{number % 50}",
        "userId": f"user-{number % 5}",
        "personaId": "brad_001",
        "service": "twilio",
        "operation": "voice_call",
        "usageAmount": 1,
        "usageUnit": "minutes",
        "metadata": {"number": number},
    }


async def send(api: ApiClient, number: int) -> ApiResponse:
    """Send one cost: with a key and no time, or with a time and no key."""
    data, headers = body(number), {}
    if number % 2:
        headers = {"Idempotency-Key": f"key-{number}"}
    else:
        data["timestamp"] = (NOW + timedelta(seconds=number)).isoformat()
    return await api.ask("POST", "/api/costs/track", bearer=SERVICE, body=data, headers=headers)


async def test_repeated_track_requests_count_once(pipeline: Pipeline) -> None:
    rng = Random(7)
    numbers = list(range(SENDS - REPEATS))
    sends = numbers + rng.choices(numbers, k=REPEATS)
    rng.shuffle(sends)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> int:
        async with gate:
            return (await send(api, number)).status

    async with serving_intake(pipeline.kafka) as api:
        responses = await asyncio.gather(*map(one, sends))
    assert set(responses) == {202}
    async with pipeline.worker() as worker:
        await pipeline.until_counted(SENDS, worker)
    [row] = await fetch(
        pipeline.database_url,
        "SELECT count(*) AS events, sum(cost_nano)::bigint AS nano FROM call_cost_events WHERE type = 'cost.recorded'",
    )
    parts.figures.append(
        f"HTTP intake on {pipeline.broker}: sent {SENDS}, of them different {len(numbers)}, counted "
        f"{row['events']}, difference {row['events'] - len(numbers)}"
    )
    assert row["events"] == len(numbers)
    assert row["nano"] == len(numbers) * 14_000_000
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


async def test_whole_call_can_be_reported_over_http(pipeline: Pipeline) -> None:
    start = {
        "specversion": "1.0", "id": "s", "source": "/app", "type": "call.started",
        "time": NOW.isoformat(),
        "data": {"callId": "call-1", "userId": "alice", "personaId": "brad_001"},
    }  # fmt: skip
    costs = b"[" + b",".join(structured(cost(time=NOW, id=f"c{n}")) for n in range(3)) + b"]"
    end = {"userId": "alice", "duration_seconds": 180, "amount": "4.99", "fee": "0.44"}
    async with serving_intake(pipeline.kafka) as api:
        for path, body_of_path in (
            ("/api/costs/events", start),
            ("/api/costs/events", costs),
            ("/api/costs/call/call-1/finalize", end),
        ) * 2:
            response = await api.ask("POST", path, bearer=SERVICE, body=body_of_path)
            assert response.status == 202, response.body
    async with pipeline.worker() as worker:
        await pipeline.until_counted(12, worker)
    [call] = await fetch(pipeline.database_url, "SELECT * FROM calls")
    assert (call["status"], call["user_id"], call["duration_ms"]) == ("completed", "alice", 180_000)
    [days] = await fetch(
        pipeline.database_url,
        "SELECT sum(calls) AS calls, sum(charged_nano) AS charged_nano FROM user_days",
    )
    assert (days["calls"], days["charged_nano"]) == (1, 4_990_000_000)
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


async def test_accepted_events_are_in_kafka(pipeline: Pipeline) -> None:
    async with serving_intake(pipeline.kafka) as api:
        response = await send(api, 0)
        [record] = await pipeline.read(CALL_EVENTS.name, 1)
    [reference] = response.json["data"]["accepted"]
    event = json.loads(record.value)
    assert (event["source"], event["id"]) == (reference["source"], reference["id"])
    assert record.key == b"user-0"


async def test_intake_recovers_after_a_broker_outage(tmp_path: Path) -> None:
    async with EmbeddedTansu(tmp_path) as broker:
        pipeline = Pipeline(broker.bootstrap, idempotent=False, database_url="")
        await pipeline.reset_topics()
        async with serving_intake(pipeline.kafka) as api:
            assert (await send(api, 1)).status == 202
            await broker.kill()
            began = monotonic()
            gone = await asyncio.gather(*(send(api, number) for number in range(20)))
            assert {response.status for response in gone} == {503}
            assert {response.code for response in gone} == {"unavailable"}
            assert monotonic() - began < 2 * RESPONSE_SECONDS_MAX
            await broker.start()
            await pipeline.reset_topics()
            # The embedded broker may refuse the first requests after its start.
            async with asyncio.timeout(RESPONSE_SECONDS_MAX):
                while (response := await send(api, 2)).status == 503:
                    assert response.headers["Retry-After"]
            assert response.status == 202


async def test_intake_answers_503_without_a_broker(unused_tcp_port: int) -> None:
    async with serving_intake(
        KafkaSection(f"127.0.0.1:{unused_tcp_port}", idempotent=False).client()
    ) as api:
        began = monotonic()
        response = await send(api, 1)
        assert (response.status, response.code) == (503, "unavailable")
        assert monotonic() - began < 2 * RESPONSE_SECONDS_MAX


async def test_excess_parallel_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cost_analytics.intake.WAITING_MAX", 0)
    async with serving_intake(KafkaSection("127.0.0.1:9", idempotent=False).client()) as api:
        assert (await send(api, 1)).status == 503
