"""Puts events from HTTP requests into Kafka, with limits of time and number."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from api.intake.event_stream import OutgoingEvent, StreamUnavailableError
from messaging.kafka import KafkaError, KafkaSettings, make_producer
from messaging.producer import OutgoingRecord, RecoveringProducer
from schemas.topics import CALL_EVENTS
from schemas.trace_context import HEADER, REQUEST_TRACE

ACKNOWLEDGED_SECONDS_MAX: Final = 5
RESPONSE_SECONDS_MAX: Final = 8
WAITING_MAX: Final = 256
_LINGER_MS: Final = 2


class KafkaIntake:
    """One producer for all requests of a process; it connects with the first event."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = RecoveringProducer(
            lambda: make_producer(kafka, linger_ms=_LINGER_MS), ACKNOWLEDGED_SECONDS_MAX
        )
        self._waiting = 0

    async def put(self, events: Sequence[OutgoingEvent]) -> None:
        """Return once all in-sync replicas have the events; raises StreamUnavailableError."""
        if self._waiting >= WAITING_MAX:
            raise StreamUnavailableError("too many requests are waiting for Kafka")
        self._waiting += 1
        try:
            # Longer than the acknowledgement timeout, after which a hanging producer is replaced.
            async with asyncio.timeout(RESPONSE_SECONDS_MAX):
                await self._send(events, REQUEST_TRACE.get())
        except (KafkaError, OSError, TimeoutError) as error:
            raise StreamUnavailableError(str(error) or type(error).__name__) from error
        finally:
            self._waiting -= 1

    async def _send(self, events: Sequence[OutgoingEvent], context: str | None) -> None:
        """Send events, with the trace context of the request if it is sampled."""
        if context is None:
            await self._producer.send_all(CALL_EVENTS.name, events)
            return
        headers = [(HEADER, context.encode())]
        await self._producer.send_records(
            OutgoingRecord(CALL_EVENTS.name, *event, headers) for event in events
        )

    async def close(self) -> None:
        await self._producer.close()
