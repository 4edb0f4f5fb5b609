"""Watched events: when their batch began and committed, and when their total was received.

A watched event is the only one of its call in a run, so the first total of the call after the event
contains it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from bench.live_clients import COMMITTED, LiveClients, text_field
from ledger.postgres.database import Connection
from messaging.kafka import AIOKafkaConsumer

_READ_MS: Final = 50
_POLL_SECONDS: Final = 0.01
_CALL_ID: Final = b'"callId":"'
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_US: Final = timedelta(microseconds=1)

_BEGUN = """
SELECT call_id, recorded_at FROM call_cost_events WHERE call_id = ANY ($1) AND time >= $2
"""


class Moments(NamedTuple):
    """Milliseconds from an event's time to each step of its processing.

    Its transaction begins, the transaction is committed, the total is read from Kafka, and the
    total is received by a socket.
    """

    begun: float
    committed: float
    published: float
    received: float


class _Total(msgspec.Struct, rename="camel"):
    call_id: str
    updated_at: datetime


_decode: Final = msgspec.json.Decoder(_Total).decode


class WatchedEvents(LiveClients):
    """The sockets that receive the watched calls, and the moments of their events."""

    def __init__(self) -> None:
        super().__init__()
        self._due: Mapping[str, datetime] = {}
        self._committed: dict[str, datetime] = {}
        self._published: dict[str, datetime] = {}
        self._received: dict[str, datetime] = {}

    def expect(self, due: Mapping[str, datetime]) -> None:
        """Watch the events of these calls, by their scheduled times."""
        self._due = due
        self.is_measuring = True

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read the topic of totals until each event has arrived there and at a socket."""
        while len(self._published) < len(self._due):
            polled = await consumer.getmany(timeout_ms=_READ_MS)
            arrived = datetime.now(UTC)
            for records in polled.values():
                for record in records:
                    total = _decode(record.value)
                    if self._is_first(total.call_id, total.updated_at, self._published):
                        self._committed[total.call_id] = total.updated_at
                        self._published[total.call_id] = arrived
        while len(self._received) < len(self._due):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(_POLL_SECONDS)

    def note_change(self, text: bytes, arrived_ns: int) -> None:
        """Note the first change of a watched call after its event."""
        call_id = text_field(text, _CALL_ID)
        updated_at = datetime.fromisoformat(text_field(text, COMMITTED))
        if self._is_first(call_id, updated_at, self._received):
            self._received[call_id] = _EPOCH + arrived_ns // 1_000 * _US

    def _is_first(self, call_id: str, updated_at: datetime, seen: Mapping[str, datetime]) -> bool:
        due = self._due.get(call_id)
        return due is not None and updated_at >= due and call_id not in seen

    async def moments(self, connection: Connection) -> list[Moments]:
        """Return the moments of all watched events, after `follow` has ended."""
        rows = await connection.fetch(_BEGUN, list(self._due), min(self._due.values()))
        begun = {row["call_id"]: row["recorded_at"] for row in rows}
        return [
            Moments(
                *(
                    (moment[call_id] - due) / _MS
                    for moment in (begun, self._committed, self._published, self._received)
                )
            )
            for call_id, due in self._due.items()
        ]
