"""Spans of publishing: alerts, commands and totals that sampled events caused.

The published record has the span's context in the header `traceparent`, for the live feed and for
other consumers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from ledger.budgets.alert_rows import OutboxMessage
from ledger.postgres.database import Connection
from ledger.recording.batch import BatchOutcome
from ledger.tracing.message_traces import read_traces
from messaging.kafka import MessageSizeTooLargeError
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.tracing import Span, Tracer
from schemas.topics import CALL_TOTALS
from schemas.trace_context import HEADER
from streams.publishing.versioned_call import VersionedCall
from streams.tracing.batches import nanoseconds

TRACED_CALLS_MAX: Final = 10_000


class _Identified(msgspec.Struct):
    """The attribute of a message that identifies it."""

    id: str


_decode: Final = msgspec.json.Decoder(_Identified).decode


class OutboxTracing:
    """Traces the messages of the outbox."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def start(
        self,
        connection: Connection,
        messages: Sequence[OutboxMessage],
        records: Sequence[OutgoingRecord],
    ) -> tuple[list[OutgoingRecord], list[Span]]:
        """Return the records with their spans' contexts, and the spans, which the caller ends."""
        ids = [_decode(message.payload).id for message in messages]
        contexts = await read_traces(connection, ids)
        spans: list[Span] = []
        traced: list[OutgoingRecord] = []
        for message_id, message, record in zip(ids, messages, records, strict=True):
            if (context := contexts.get(message_id)) is not None:
                span = self._tracer.start(
                    f"publish {message.kind}",
                    "producer",
                    parent=context,
                    at_ns=nanoseconds(message.created_at),
                    attributes=_destination(record.topic),
                )
                spans.append(span)
                record = with_context(record, span)  # noqa: PLW2901 - the same record
            traced.append(record)
        return traced, spans


class TotalsTracing:
    """Publishes the totals of calls that sampled events changed, each with its trace context."""

    def __init__(self, tracer: Tracer, producer: RecoveringProducer) -> None:
        self._tracer = tracer
        self._producer = producer
        self._contexts: dict[str, str] = {}

    def note(self, outcome: BatchOutcome) -> None:
        """Remember the contexts of a committed batch, up to the maximum of calls."""
        self._contexts |= outcome.traces
        surplus = len(self._contexts) - TRACED_CALLS_MAX
        for call_id in list(islice(self._contexts, max(0, surplus))):
            del self._contexts[call_id]

    async def publish(self, states: Sequence[VersionedCall]) -> Sequence[VersionedCall]:
        """Publish the traced ones of these states, and return the others.

        Raises KafkaError or TimeoutError; then they stay traced. One that is too large for its
        topic is no longer traced, so that it is treated like any other.
        """
        traced = [state for state in states if state.call.call_id in self._contexts]
        if not traced:
            return states
        spans = [self._start(state) for state in traced]
        records = [
            with_context(OutgoingRecord(CALL_TOTALS.name, *state.record()), span)
            for state, span in zip(traced, spans, strict=True)
        ]
        try:
            await self._producer.send_records(records)
        except MessageSizeTooLargeError:
            self._forget(traced)
            return states
        for span in spans:
            span.end(time.time_ns())
        self._forget(traced)
        published = {state.call.call_id for state in traced}
        return [state for state in states if state.call.call_id not in published]

    def _start(self, state: VersionedCall) -> Span:
        return self._tracer.start(
            "publish call-total",
            "producer",
            parent=self._contexts[state.call.call_id],
            at_ns=nanoseconds(state.at),
            attributes=_destination(CALL_TOTALS.name),
        )

    def _forget(self, states: Sequence[VersionedCall]) -> None:
        for state in states:
            self._contexts.pop(state.call.call_id, None)


def with_context(record: OutgoingRecord, span: Span) -> OutgoingRecord:
    """Return a record with the context of a span in its header."""
    header = (HEADER, span.traceparent.encode())
    return record._replace(headers=[*(record.headers or ()), header])


def _destination(topic: str) -> dict[str, str | int]:
    return {"messaging.system": "kafka", "messaging.destination.name": topic}
