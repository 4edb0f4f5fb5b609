"""Publishes the messages of the outbox (alerts, call commands, anomalies) in order, at least once.

The transaction that decides a message writes it to the outbox. Any worker's relay may publish it,
but only one at a time, so the messages of a user stay in order. A message is deleted from the
outbox once the brokers have acknowledged it; after a crash before that it is published again with
the same id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from ledger.budgets.alert_rows import (
    ANOMALY,
    BUDGET_ALERT,
    CALL_COMMAND,
    OutboxMessage,
    drop_messages,
    publishing_lock,
    take_messages,
)
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import Connection
from ledger.postgres.waiting import wait_in_transaction
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.retries import Backoff, wait_until_set
from messaging.tracing import Span
from schemas.topics import ANOMALIES, BUDGET_ALERTS, CALL_COMMANDS
from streams.kept_connection import KeptConnection
from streams.publishing.delays import OnPublished, ignore_delay, oldest_delay_ms
from streams.retries import RETRYABLE_ERRORS
from streams.tracing.publishing import OutboxTracing

MESSAGES_MAX: Final = 500
POLL_SECONDS: Final = 1
FLUSH_SECONDS: Final = 5

TOPICS: Final = {
    BUDGET_ALERT: BUDGET_ALERTS.name,
    CALL_COMMAND: CALL_COMMANDS.name,
    ANOMALY: ANOMALIES.name,
}
HEADERS: Final = [("content-type", b"application/cloudevents+json; charset=UTF-8")]

_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode

_log = logging.getLogger(__name__)


class OutboxRelay:
    """Publishes the messages of the outbox, woken by each commit that wrote some."""

    def __init__(
        self,
        producer: RecoveringProducer,
        connect: Callable[[], Awaitable[Connection]],
        now: Clock = system_time,
        on_published: OnPublished = ignore_delay,
        tracing: OutboxTracing | None = None,
    ) -> None:
        """`now` is the clock that stamps messages."""
        self._on_published = on_published
        self._tracing = tracing
        self._now = now
        self._producer = producer
        self._connection = KeptConnection(connect)
        self._wake = asyncio.Event()
        self._backoff = Backoff()

    def wake(self) -> None:
        """Wake the relay, because the outbox has new messages."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then once more within a time limit."""
        try:
            while not stop.is_set():
                await self._attempt(stop)
                await wait_until_set(self._wake, POLL_SECONDS)
            with suppress(*RETRYABLE_ERRORS):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._drain()
        finally:
            self._connection.terminate()

    async def _attempt(self, stop: asyncio.Event) -> None:
        """Publish the messages in the outbox; retries with backoff after a failure."""
        self._wake.clear()
        try:
            await self._drain()
        except RETRYABLE_ERRORS as error:
            _log.warning("alerts are late: %s", error, extra={"action": "relay_retry"})
            self._connection.terminate()
            self._wake.set()
            await self._backoff.wait(stop)
        else:
            self._backoff.reset()

    async def _drain(self) -> None:
        """Publish until the outbox is empty."""
        while await self._send_some() == MESSAGES_MAX:
            pass

    async def _send_some(self) -> int:
        """Publish the oldest messages under the publishing lock; returns their number."""
        connection = await self._connection.open()
        async with publishing_lock(connection):
            messages = await take_messages(connection, MESSAGES_MAX)
            if messages:
                await self._send(connection, messages)
                await drop_messages(connection, messages)
        if messages:
            created = (message.created_at for message in messages)
            self._on_published("messages", oldest_delay_ms(created, self._now()))
        return len(messages)

    async def _send(self, connection: Connection, messages: Sequence[OutboxMessage]) -> None:
        """Send messages and wait for their acknowledgement."""
        records = [_record(message, self._now()) for message in messages]
        spans: list[Span] = []
        if self._tracing is not None:
            records, spans = await self._tracing.start(connection, messages, records)
        await wait_in_transaction(connection, self._producer.send_records(records))
        for span in spans:
            span.end(time.time_ns())


def _record(message: OutboxMessage, now: datetime) -> OutgoingRecord:
    return OutgoingRecord(
        TOPICS[message.kind],
        message.key.encode(),
        add_timestamps(message.payload, message.created_at, now),
        HEADERS,
    )


def add_timestamps(payload: str, committed_at: datetime, published_at: datetime) -> bytes:
    """Return a CloudEvent with the two timestamps that only the relay knows.

    A worker's clock is imprecise, so the publication is never before the commit.
    """
    event = _RAW.decode(payload)
    data = _RAW.decode(event["data"])
    data["committedAt"] = msgspec.Raw(_encode(committed_at))
    data["publishedAt"] = msgspec.Raw(_encode(max(published_at, committed_at)))
    event["data"] = msgspec.Raw(_encode(data))
    return _encode(event)
