"""Makes events of spans. An event depends on its span alone, so a repeated span counts once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from api.http.options import TraceNames
from api.intake.events import CheckedEvent, make_event
from api.traces.calls import CallOfSpan, call_of, check_times, conversation_tags, persona_of
from api.traces.nesting import RequestSpan
from api.traces.spans import ReceivedSpan, SpanError
from schemas.events import TRACES_SOURCE
from schemas.refusals import Refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MICROSECOND: Final = 1_000
_TEXT_MAX: Final = 255


def traces_source(subject: str) -> str:
    """Return the source of events made of the spans that a subject sends."""
    return f"{TRACES_SOURCE}{quote(subject, safe='')}"


class SpanEvents:
    """Makes the events of spans that one sender reports, as of `now`."""

    def __init__(self, subject: str, wanted: TraceNames, now: datetime) -> None:
        self._source = traces_source(subject)
        self._wanted = wanted
        self._now = now

    def cost(self, request: RequestSpan) -> CheckedEvent:
        """Return the cost of a request at the end of its span; raises SpanError."""
        span, usage = request
        found = self._call_of(span)
        data = {
            **_subject(found),
            "personaId": found.persona_id,
            "service": usage.service[:_TEXT_MAX],
            "operation": usage.operation,
            "model": usage.model and usage.model[:_TEXT_MAX],
            "usages": [
                {"unit": unit, "quantity": usage.quantities[unit]}
                for unit in sorted(usage.quantities)
            ],
            "priceContext": usage.tier and {"tier": usage.tier},
            "metadata": _reference(span),
        }
        return self._event("cost.recorded", "", span, span.end_ns, data)

    def call(self, span: ReceivedSpan) -> list[CheckedEvent]:
        """Return the start and the end of the call that a span is; raises SpanError."""
        found = self._call_of(span)
        if found.user_id is None:
            raise SpanError(f"the span of the call {found.call_id} names no user")
        start = {
            **_subject(found),
            "personaId": persona_of(span, found)[:_TEXT_MAX],
            "tags": conversation_tags(span),
        }
        end = {
            **_subject(found),
            "status": "failed" if span.has_failed else "completed",
            "duration_seconds": Decimal(span.end_ns - span.start_ns).scaleb(-9).normalize(),
        }
        return [
            self._event("call.started", "/started", span, span.start_ns, start),
            self._event("call.ended", "/ended", span, span.end_ns, end),
        ]

    def has_user(self, span: ReceivedSpan) -> bool:
        """Return whether a span names its user; raises SpanError."""
        return self._call_of(span).user_id is not None

    def _call_of(self, span: ReceivedSpan) -> CallOfSpan:
        check_times(span)
        return call_of(span, self._wanted)

    def _event(
        self, event_type: str, suffix: str, span: ReceivedSpan, at_ns: int, data: Mapping[str, Any]
    ) -> CheckedEvent:
        at = _EPOCH + timedelta(microseconds=at_ns // _NS_PER_MICROSECOND)
        event_id = f"{span.trace_id}/{span.span_id}{suffix}"
        try:
            return make_event(event_type, self._source, event_id, at, data, self._now)
        except Refused as refusal:
            raise SpanError(f"span {span.span_id}: {refusal.message}") from None


def _subject(found: CallOfSpan) -> dict[str, str | None]:
    return {"callId": found.call_id, "userId": found.user_id}


def _reference(span: ReceivedSpan) -> dict[str, object]:
    """Return the metadata of a cost: what identifies its span, and relates it to others."""
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "scope": span.scope[:_TEXT_MAX],
        "startUnixNano": str(span.start_ns),
        "endUnixNano": str(span.end_ns),
    }
