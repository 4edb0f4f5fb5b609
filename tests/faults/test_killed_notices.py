"""Processes that deliver notifications are killed during deliveries: each one still arrives.

A kill after the receiver's success, before it is recorded, sends the notification again under the
same id: delivery is at least once, and the id identifies repeats.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.notifications.notices import Notice
from schemas.notices import ChannelKind
from tests.support import parts
from tests.support.fault_table import AlertFigures, FaultRecorder
from tests.support.notifications import (
    alert,
    states,
    write_alerts,
    write_anomaly,
    write_channel,
    write_notice,
)
from tests.support.notifications_process import NoticesProcess
from tests.support.receivers import HttpReceiver, ScriptedResponse, receiver
from tests.support.recording import fetch

CHANNELS = 8
MESSAGES = 40
"""Half of them alerts, the others anomalies and forecasts."""
KINDS: tuple[ChannelKind, ...] = ("alert", "anomaly", "forecast")
KILLS = 3
NO_BROKER = "127.0.0.1:1"
"""Without a broker the sweep finds every alert."""


@pytest.fixture
def processes(tmp_path: Path, database_url: str) -> Iterator[list[NoticesProcess]]:
    values = {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER}
    both = [NoticesProcess(tmp_path, values, name) for name in ("one", "other")]
    yield both
    for process in both:
        process.abandon()


async def expire_claims(database_url: str) -> None:
    """Expire the claims of dead processes at once; no attempt here takes three seconds."""
    await fetch(
        database_url,
        """UPDATE notice_deliveries SET claimed_until = now()
           WHERE claimed_until < now() + interval '57 seconds'""",
    )


async def until_more(endpoint: HttpReceiver, accepted: int, database_url: str) -> None:
    async with asyncio.timeout(60):
        while len(endpoint.accepted) <= accepted:
            for _ in range(40):
                await asyncio.sleep(0.005)
                if len(endpoint.accepted) > accepted:
                    return
            await expire_claims(database_url)


async def until_delivered(database_url: str, count: int) -> None:
    async with asyncio.timeout(90):
        while (await states(database_url)).count("delivered") < count:
            await asyncio.sleep(0.2)
            await expire_claims(database_url)


def forecast(month: str) -> Notice:
    return Notice(
        "forecast",
        "alice",
        (month,),
        "A title",
        ["A sentence."],
        "/outlook",
        "a.type",
        {"m": month},
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_kills_during_delivery_lose_no_notification(
    database_url: str, processes: list[NoticesProcess], record_fault: FaultRecorder
) -> None:
    async with receiver(
        ScriptedResponse(500), ScriptedResponse(500), delay_seconds=0.02
    ) as endpoint:
        for number in range(CHANNELS):
            await write_channel(database_url, f"{endpoint.url}/{number}", kinds=KINDS)
        await write_alerts(database_url, *(alert() for _ in range(MESSAGES // 2)))
        for number in range(MESSAGES // 4):
            await write_anomaly(database_url, call_id=f"call-{number}")
            await write_notice(database_url, forecast(f"2026-{number}"))
        for process in processes:
            process.start()
        for number in range(KILLS):
            await until_more(endpoint, len(endpoint.accepted) + 5, database_url)
            victim = processes[number % len(processes)]
            victim.kill()
            victim.start()
        await until_delivered(database_url, CHANNELS * MESSAGES)
        for process in processes:
            await process.stop()
        ids = [request.id for request in endpoint.accepted]
    stored = await fetch(database_url, "SELECT 'msg_' || delivery_id FROM notice_deliveries")
    assert set(ids) == {row[0] for row in stored}
    interrupted = await fetch(
        database_url,
        "SELECT count(DISTINCT (delivery_id, number)) FROM notice_attempts WHERE outcome = 'interrupted'",
    )
    duplicates = len(ids) - len(set(ids))
    # Only an interrupted attempt may have been received and not recorded.
    assert duplicates <= interrupted[0][0]
    parts.figures.append(
        f"{KILLS} kills of two processes that deliver notices: sent {len(ids)}, "
        f"raised {len(stored)}, missing {len(stored) - len(set(ids))}, cut off {interrupted[0][0]}, repeated under the same id {duplicates}"
    )
    record_fault(
        f"notification processes killed {KILLS} times",
        sent=CHANNELS * MESSAGES,
        counted=len(set(ids)),
        alerts=AlertFigures.of((row[0] for row in stored), set(ids)),
    )
    assert set(await states(database_url)) == {"delivered"}
