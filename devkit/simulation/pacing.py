"""Sends a simulation to Kafka at its rate, or writes it to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import BinaryIO, Final

from cost_analytics.progress import Progress
from cost_analytics.sending import RecordSender
from devkit.simulation.wire import ScheduledRecord
from messaging.retries import wait_until_set
from schemas.topics import CALL_EVENTS

_EARLY_US: Final = 2_000
"""Shorter waits are not worth an iteration of the event loop."""


async def send_all(
    stream: Iterable[ScheduledRecord],
    sender: RecordSender,
    progress: Progress,
    stop: asyncio.Event,
    *,
    paced: bool,
) -> None:
    """Send all records until `stop` is set, and wait until Kafka has acknowledged them."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    first_us: int | None = None
    for number, record in enumerate(stream, start=1):
        if first_us is None:
            first_us = record.at_us
        early_us = record.at_us - first_us - round((loop.time() - started) * 1_000_000)
        if paced and early_us > _EARLY_US:
            await wait_until_set(stop, early_us / 1_000_000)
        if stop.is_set():
            break
        await sender.send(CALL_EVENTS.name, record.value, record.key)
        progress.set(number)
    await sender.flush()


def write_all(stream: Iterable[ScheduledRecord], out: BinaryIO, progress: Progress) -> int:
    """Write all records as JSON lines; returns their number."""
    number = 0
    for number, record in enumerate(stream, start=1):
        out.write(record.value)
        out.write(b"\n")
        progress.set(number)
    return number
