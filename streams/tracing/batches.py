"""Spans of batches and of the sampled events in them.

A batch has its own trace, linked to the contexts of its sampled events. Each of these has the same
steps in its own trace, linked to the batch. Of other events only the headers and the value are
searched for a context.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from ledger.calls.rating import original_event
from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.recorder import Recorder
from messaging.tracing import Span, Tracer, record_span
from schemas.events import Event
from schemas.topics import CALL_EVENTS
from schemas.trace_context import TRACED_EVENTS, context_of

TRACED_MAX: Final = 50
"""The maximum number of traced events of a batch; samplers of emitters should choose fewer."""
_NS_PER_MS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class SampledEvent(NamedTuple):
    """A sampled event of a batch, its trace context, and its record."""

    event: Event
    context: str
    record: Any


class TracedRecorder(Recorder):
    """Records batches like Recorder, and traces those with sampled events."""

    def __init__(self, tracer: Tracer, *parts: Any, **options: Any) -> None:
        """`parts` and `options` are those of Recorder."""
        super().__init__(*parts, **options)
        self._tracer = tracer

    async def record(self, batch: Batch) -> BatchOutcome:
        """Record a batch; raises what Recorder raises."""
        sampled = find_sampled(batch)
        if not sampled:
            return await super().record(batch)
        return await _record_traced(super().record, batch, sampled, self._tracer)


def find_sampled(batch: Batch) -> list[SampledEvent]:
    """Return the first sampled events of a batch."""
    found: list[SampledEvent] = []
    for event, record in zip(batch.events, batch.records, strict=True):
        context = context_of(record.headers, record.value)
        if context is not None:
            found.append(SampledEvent(original_event(event), context, record))
            if len(found) == TRACED_MAX:
                break
    return found


async def _record_traced(
    record: Callable[[Batch], Awaitable[BatchOutcome]],
    batch: Batch,
    sampled: list[SampledEvent],
    tracer: Tracer,
) -> BatchOutcome:
    """Record a batch within spans; each attempt has its own."""
    received_ns = batch.received_ns or time.time_ns()
    batch_span = tracer.start(
        "record batch",
        "internal",
        parent=None,
        at_ns=received_ns,
        links=[one.context for one in sampled],
        attributes={"messaging.batch.message_count": batch.size},
    )
    spans = [_start(tracer, one, received_ns, batch_span) for one in sampled]
    traced = {
        (one.event.source, one.event.id): span.traceparent
        for one, span in zip(sampled, spans, strict=True)
    }
    token = TRACED_EVENTS.set(traced)
    try:
        outcome = await record(batch)
    except BaseException as error:  # after any error or cancellation, the spans end, too
        for span in (*spans, batch_span):
            span.end(time.time_ns(), type(error).__name__)
        raise
    finally:
        TRACED_EVENTS.reset(token)
    committed_ns = time.time_ns()
    for one, span in zip(sampled, spans, strict=True):
        _record_poll(tracer, one, span, received_ns)
    for span in (*spans, batch_span):
        _record_steps(tracer, span, outcome, received_ns, committed_ns)
    outcome.traces = {
        one.event.call_id: span.traceparent for one, span in zip(sampled, spans, strict=True)
    }
    return outcome


def _start(tracer: Tracer, one: SampledEvent, received_ns: int, batch_span: Span) -> Span:
    return tracer.start(
        f"process {one.event.type}",
        "consumer",
        parent=one.context,
        at_ns=received_ns,
        links=[batch_span.traceparent],
        attributes={
            "messaging.system": "kafka",
            "messaging.destination.name": CALL_EVENTS.name,
            "messaging.destination.partition.id": str(one.record.partition),
            "messaging.kafka.offset": one.record.offset,
            "cloudevents.event_id": one.event.id,
            "cloudevents.event_source": one.event.source,
            "cloudevents.event_type": one.event.type,
        },
    )


def _record_poll(tracer: Tracer, one: SampledEvent, span: Span, received_ns: int) -> None:
    """Record how long the record waited in Kafka, from the time that its producer set."""
    sent_ns = int(getattr(one.record, "timestamp", 0)) * _NS_PER_MS or received_ns
    record_span(
        tracer,
        "poll",
        span.traceparent,
        min(sent_ns, received_ns),
        received_ns,
        kind="consumer",
    )


def _record_steps(
    tracer: Tracer, span: Span, outcome: BatchOutcome, received_ns: int, committed_ns: int
) -> None:
    """Record the steps of a batch below a span, and end it with the commit."""
    written_ns = committed_ns - outcome.commit_ns
    began_ns = written_ns - outcome.record_ns
    for name, start_ns, end_ns in (
        ("decode", received_ns, received_ns + outcome.decode_ns),
        ("transaction", began_ns, written_ns),
        ("commit", written_ns, committed_ns),
    ):
        record_span(tracer, name, span.traceparent, start_ns, end_ns)
    span.end(committed_ns)


def nanoseconds(at: datetime) -> int:
    """Return a time as nanoseconds since 1970, to a microsecond."""
    return (at - _EPOCH) // _MICROSECOND * 1_000
