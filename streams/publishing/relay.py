"""Publishes what the outbox holds: alerts, call commands, anomalies; in order, at least once.

The transaction that decides a message writes it to the outbox. Any worker's relay may publish it,
but only one has its turn at a time, so the messages of a user keep their order. A message leaves
the outbox once the brokers have acknowledged it; a crash in between publishes it again under the
same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
from ledger.postgres.database import TRANSIENT_ERRORS, Connection
from ledger.postgres.waiting import wait_in_transaction
from messaging.kafka import KafkaError
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.retries import Backoff
from schemas.topics import ANOMALIES, BUDGET_ALERTS, CALL_COMMANDS

MESSAGES_MAX: Final = 500
LOOK_SECONDS: Final = 1
FLUSH_SECONDS: Final = 5

TOPICS: Final = {
    BUDGET_ALERT: BUDGET_ALERTS.name,
    CALL_COMMAND: CALL_COMMANDS.name,
    ANOMALY: ANOMALIES.name,
}
HEADERS: Final = [("content-type", b"application/cloudevents+json; charset=UTF-8")]

WAITING: Final = (KafkaError, *TRANSIENT_ERRORS)
"""Failures that waiting may mend."""

_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode

_log = logging.getLogger(__name__)


class OutboxRelay:
    """Sends the messages of the outbox, woken by each commit that wrote some."""

    def __init__(
        self,
        producing: RecoveringProducer,
        connect: Callable[[], Awaitable[Connection]],
        now: Clock = system_time,
    ) -> None:
        """Take the producer, how to reach the outbox, and the time to stamp messages with."""
        self._now = now
        self._producing = producing
        self._connect = connect
        self._connection: Connection | None = None
        self._wake = asyncio.Event()
        self._backoff = Backoff()

    def wake(self) -> None:
        """Tell that there is something to send."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, and then once more what is there, within a limit."""
        try:
            while not stop.is_set():
                await self._attempt(stop)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            with suppress(*WAITING):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._drain()
        finally:
            self._hang_up()

    async def _attempt(self, stop: asyncio.Event) -> None:
        """Send what is there; a failure is tried again after a while."""
        self._wake.clear()
        try:
            await self._drain()
        except WAITING as error:
            _log.warning("alerts are late: %s", error, extra={"action": "relay_retry"})
            self._hang_up()
            self._wake.set()
            await self._backoff.wait(stop)
        else:
            self._backoff.reset()

    async def _drain(self) -> None:
        """Send what was in the outbox."""
        while await self._send_some() == MESSAGES_MAX:
            pass

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _send_some(self) -> int:
        """Send the oldest messages when it is our turn; returns how many."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        async with publishing_lock(self._connection):
            messages = await take_messages(self._connection, MESSAGES_MAX)
            if messages:
                sending = self._producing.send_records(
                    _record(one, self._now()) for one in messages
                )
                await wait_in_transaction(self._connection, sending)
                await drop_messages(self._connection, messages)
        return len(messages)


def _record(message: OutboxMessage, now: datetime) -> OutgoingRecord:
    return OutgoingRecord(
        TOPICS[message.kind],
        message.key.encode(),
        stamped(message.payload, message.created_at, now),
        HEADERS,
    )


def stamped(payload: str, committed_at: datetime, published_at: datetime) -> bytes:
    """Return a CloudEvent with the two stamps in its data that only the relay knows."""
    event = _RAW.decode(payload)
    data = _RAW.decode(event["data"])
    data["committedAt"] = msgspec.Raw(_encode(committed_at))
    data["publishedAt"] = msgspec.Raw(_encode(published_at))
    event["data"] = msgspec.Raw(_encode(data))
    return _encode(event)
