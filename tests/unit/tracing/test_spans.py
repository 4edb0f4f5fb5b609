"""Spans of failed attempts and of totals that cannot be sent, with a tracer in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from unittest.mock import Mock

import pytest

from ledger.calls.call import Call
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.offsets import Stream
from ledger.recording.recorder import Recorder
from messaging.kafka import KafkaError, MessageSizeTooLargeError
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.tracing import Attributes, SpanKind
from schemas.trace_context import TRACED_EVENTS
from streams.decoding import decode_records
from streams.publishing.versioned_call import VersionedCall
from streams.tracing.batches import TracedRecorder
from streams.tracing.publishing import TRACED_CALLS_MAX, TotalsTracing
from tests.support.events import cost, structured
from tests.support.lane_parts import FIRST
from tests.support.lanes import record
from tests.support.prices import catalogue
from tests.support.recording import TopicLog

NOW = datetime.now(UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CONTEXT = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class MemorySpan:
    name: str
    parent: str | None
    traceparent: str
    links: Sequence[str]
    is_ended: bool = False
    error: str | None = None

    def end(self, at_ns: int, error: str | None = None, **attributes: str | int) -> None:
        self.is_ended, self.error = True, error


@dataclass
class MemoryTracer:
    spans: list[MemorySpan] = field(default_factory=list)

    def start(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        at_ns: int,
        links: Sequence[str] = (),
        attributes: Attributes | None = None,
    ) -> MemorySpan:
        trace = "f" * 32 if parent is None else parent.split("-")[1]
        traceparent = f"00-{trace}-{len(self.spans) + 1:016x}-01"
        self.spans.append(MemorySpan(name, parent, traceparent, links))
        return self.spans[-1]


async def traced_batch() -> Batch:
    log = TopicLog()
    values = [{**cost("call-1", time=NOW), "traceparent": CONTEXT}, cost("call-2", time=NOW)]
    records = [record(log.append(structured(value))) for value in values]
    return await decode_records({FIRST: records}, catalogue(), NOW)


async def test_each_attempt_has_spans_and_a_failed_one_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[tuple[str, str], str]] = []

    async def record_after_one_failure(self: Recorder, batch: Batch) -> BatchOutcome:
        seen.append(dict(TRACED_EVENTS.get()))
        if len(seen) == 1:
            raise OSError("away")
        return BatchOutcome(recorded=2)

    monkeypatch.setattr(Recorder, "record", record_after_one_failure)
    tracer, batch = MemoryTracer(), await traced_batch()
    recorder = TracedRecorder(tracer, Mock(), Stream("cluster", "topic"), PriceBook(), Mock())
    with pytest.raises(OSError, match="away"):
        await recorder.record(batch)
    failed = list(tracer.spans)
    assert [(span.name, span.error) for span in failed] == [
        ("record batch", "OSError"),
        ("process cost.recorded", "OSError"),
    ]
    outcome = await recorder.record(batch)
    again = tracer.spans[len(failed) :]
    assert {span.error for span in again} == {None}
    assert all(span.is_ended for span in tracer.spans)
    process = next(span for span in again if span.name == "process cost.recorded")
    assert process.parent == CONTEXT
    assert outcome.traces == {"call-1": process.traceparent}
    assert [list(traced.values()) for traced in seen] == [
        [failed[1].traceparent],
        [process.traceparent],
    ]
    assert TRACED_EVENTS.get() == {}


@dataclass
class MemoryProducer:
    error: Exception | None = None
    sent: list[OutgoingRecord] = field(default_factory=list)

    async def send_records(self, records: list[OutgoingRecord]) -> None:
        if self.error is not None:
            raise self.error
        self.sent += records


def states(*call_ids: str) -> list[VersionedCall]:
    return [VersionedCall(Call(call_id=call_id, user_id="alice"), 1, NOW) for call_id in call_ids]


def totals_tracing(producer: MemoryProducer) -> tuple[TotalsTracing, MemoryTracer]:
    tracer = MemoryTracer()
    tracing = TotalsTracing(tracer, cast(RecoveringProducer, producer))
    tracing.note(BatchOutcome(traces={"call-1": CONTEXT}))
    return tracing, tracer


async def test_traced_total_is_sent_once_with_its_context() -> None:
    producer = MemoryProducer()
    tracing, tracer = totals_tracing(producer)
    others = await tracing.publish(states("call-1", "call-2"))
    assert [state.call.call_id for state in others] == ["call-2"]
    [sent] = producer.sent
    assert sent.headers == [("traceparent", tracer.spans[0].traceparent.encode())]
    assert len(await tracing.publish(states("call-1", "call-2"))) == 2
    assert len(producer.sent) == len(tracer.spans) == 1


async def test_total_that_was_not_acknowledged_stays_traced() -> None:
    producer = MemoryProducer(KafkaError("away"))
    tracing, tracer = totals_tracing(producer)
    with pytest.raises(KafkaError):
        await tracing.publish(states("call-1"))
    producer.error = None
    assert not await tracing.publish(states("call-1"))
    assert [span.is_ended for span in tracer.spans] == [False, True]


async def test_total_too_large_for_its_topic_is_left_to_the_usual_way() -> None:
    tracing, _ = totals_tracing(MemoryProducer(MessageSizeTooLargeError("large")))
    for _ in range(2):
        left = await tracing.publish(states("call-1", "call-2"))
        assert [state.call.call_id for state in left] == ["call-1", "call-2"]


async def test_traced_calls_are_limited() -> None:
    producer = MemoryProducer()
    tracing, _ = totals_tracing(producer)
    tracing.note(BatchOutcome(traces={f"other-{n}": CONTEXT for n in range(TRACED_CALLS_MAX)}))
    assert len(await tracing.publish(states("call-1"))) == 1
    assert not await tracing.publish(states("other-0"))
