"""From the event that reaches a call's limit to the request that ends the call."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import CALL_EVENTS
from tests.support import parts
from tests.support.alerting import change
from tests.support.commands import call_events, command_rows
from tests.support.commands_process import CommandsProcess
from tests.support.events import Plain, cost, structured
from tests.support.recording import until
from tests.support.streaming import Pipeline
from tests.support.vendor_servers import settings_of, vendor_server

CALLS = 60
GAP_SECONDS = 0.1
LIMIT_NANO = 50_000_000
"""The infrastructure of a call costs 0.035 USD, and two minutes 0.028."""


def first_events(call: str) -> list[Plain]:
    """Return the start of a call at Twilio, without a cost."""
    return [one for one in call_events(call, "twilio") if one["type"] != "cost.recorded"]


@pytest.mark.alone
async def test_call_over_its_limit_is_ended_within_moments(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    url = pipeline.database_url
    await change(url, "alice", call_limit=(True, LIMIT_NANO))
    names = [f"call-{number:02}" for number in range(CALLS)]
    async with vendor_server("twilio") as server, pipeline.worker():
        values = {
            "DATABASE_URL": url,
            "KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap,
            "KAFKA_IDEMPOTENT": str(pipeline.idempotent).lower(),
            **settings_of({"twilio": server}),
        }
        process = CommandsProcess(tmp_path, values)
        process.start()
        try:
            begin = [one for name in names for one in first_events(name)]
            await pipeline.send(begin)
            await pipeline.until_counted(len(begin))
            await until(lambda: _is_started(process))
            sent = await _send_costs(pipeline, names)
            async with asyncio.timeout(60):
                while len(server.executions) < CALLS:
                    await asyncio.sleep(0.05)
            await until(lambda: _are_executed(url))
            await process.stop()
        finally:
            process.abandon()
    delays_ms = sorted((one.at_ns - sent[one.call]) / 1e6 for one in server.seen)
    parts.figures.append(
        f"event to hang-up request, {CALLS} calls at {1 / GAP_SECONDS:.0f}/s, {pipeline.broker}: "
        f"p50 {delays_ms[CALLS // 2]:.0f} ms, p99 {delays_ms[-1]:.0f} ms; "
        f"sent {CALLS}, executed {len(server.executions)}, requests {len(server.seen)}"
    )
    assert len(server.seen) == CALLS
    assert delays_ms[0] > 0


async def _send_costs(pipeline: Pipeline, names: list[str]) -> dict[str, int]:
    """Send the cost that reaches the limit of each call; returns when, by Twilio's id."""
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.bootstrap, acks="all", enable_idempotence=pipeline.idempotent
    )
    sent: dict[str, int] = {}
    await producer.start()
    try:
        for name in names:
            event = cost(name, "alice", usage=2, time=datetime.now(UTC))
            sent[f"twilio:{name}"] = time.time_ns()
            await producer.send(CALL_EVENTS.name, structured(event), key=b"alice")
            await asyncio.sleep(GAP_SECONDS)
    finally:
        await producer.stop()
    return sent


async def _is_started(process: CommandsProcess) -> bool:
    return process.action_count("commands_started") > 0


async def _are_executed(url: str) -> bool:
    return [row["state"] for row in await command_rows(url)] == ["executed"] * CALLS
