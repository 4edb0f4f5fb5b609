"""Finds the call and the user of a span, and the spans that are calls themselves."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.http.options import TraceNames
from api.traces import conventions as names
from api.traces.spans import ReceivedSpan, SpanError
from schemas.spans import PIPECAT_SCOPES

OWN_CALL_ID: Final = "cost_analytics.call.id"
_PERSONA: Final = ("cost_analytics.persona.id", "gen_ai.agent.name", "lk.agent_name")
_SERVICE_NAME: Final = ("service.name",)
_CONVERSATION: Final = "conversation.id"
_TEXT_MAX: Final = 255
_NS_MAX: Final = 4_000_000_000 * 1_000_000_000
"""The year 2096, in nanoseconds since 1970: a later time is an error of the sender."""


class CallOfSpan(NamedTuple):
    """The call of a span; its user and its persona are None if the span does not name them."""

    call_id: str
    user_id: str | None
    persona_id: str | None


def call_of(span: ReceivedSpan, wanted: TraceNames) -> CallOfSpan:
    """Return the call of a span; raises SpanError.

    Attributes of the span come before those of its resource. Without any, the trace is the call.
    """
    call_names = wanted.call
    if span.scope in PIPECAT_SCOPES:
        # Pipecat sets it on the spans of the conversation and its turns only: the spans of
        # requests would be of another call.
        call_names = tuple(name for name in call_names if name != _CONVERSATION)
    call_id = _find_text(span, call_names) or span.trace_id
    return CallOfSpan(call_id, _find_text(span, wanted.user), _find_text(span, _PERSONA))


def is_call(span: ReceivedSpan) -> bool:
    """Return whether a span is a whole call: of a framework, or a root that names its call."""
    return (
        (span.scope == names.PIPECAT_TURNS and span.name == "conversation")
        or (span.scope == names.LIVEKIT and span.name == "agent_session")
        or (not span.parent_id and OWN_CALL_ID in span.attributes)
    )


def persona_of(span: ReceivedSpan, found: CallOfSpan) -> str:
    """Return the persona that starts a call, by default the service that sent the span."""
    return found.persona_id or _find_text(span, _SERVICE_NAME) or "unknown"


def conversation_tags(span: ReceivedSpan) -> dict[str, str] | None:
    """Return Pipecat's own id of a conversation as a tag of the call, if it can be one."""
    value = span.attributes.get(_CONVERSATION)
    if not isinstance(value, str) or not 0 < len(value) <= 100 or not value.isprintable():
        return None
    return {"conversation_id": value}


def check_times(span: ReceivedSpan) -> None:
    """Raise SpanError for a span without a start and an end after it."""
    if not 0 < span.start_ns <= span.end_ns <= _NS_MAX:
        raise SpanError("a span has no startTimeUnixNano and a later endTimeUnixNano")


def _find_text(span: ReceivedSpan, wanted: names.Names) -> str | None:
    for attributes in (span.attributes, span.resource):
        for name in wanted:
            value = attributes.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
                text = str(value)
                if len(text) > _TEXT_MAX:
                    raise SpanError(f"`{name}` has more than {_TEXT_MAX} characters")
                return text
    return None
