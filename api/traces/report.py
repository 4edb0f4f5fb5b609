"""Sorts the spans of a request: events to publish, spans that do not count, and refused ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final, NamedTuple

from api.intake.events import CheckedEvent
from api.metrics.spans import SpanOutcome
from api.traces.calls import is_call
from api.traces.events import SpanEvents
from api.traces.nesting import RequestSpan, outermost
from api.traces.spans import ReceivedSpan, ReceivedSpans, SpanError
from api.traces.usages import usage_of
from schemas.spans import FRAMEWORK_SCOPES

_SHOWN_MAX: Final = 3
_MESSAGE_MAX: Final = 1_000
_NO_USER: Final = (
    "{} of the spans name no user: their costs are held until a span or event of their call does. "
    "Set user.id as an attribute of the span or of the resource."
)


class SpanReport(NamedTuple):
    """The outcomes of the spans of one request."""

    events: list[CheckedEvent]
    outcomes: Counter[SpanOutcome]
    errors: list[str]
    without_user: int

    @property
    def message(self) -> str:
        """The message for the sender; empty if there is nothing to report."""
        parts = []
        if self.errors:
            shown = list(dict.fromkeys(self.errors))[:_SHOWN_MAX]
            parts.append(f"{len(self.errors)} spans were refused: {'; '.join(shown)}.")
        if self.without_user:
            parts.append(_NO_USER.format(self.without_user))
        return " ".join(parts)[:_MESSAGE_MAX]


def report_of(
    received: ReceivedSpans, maker: SpanEvents, attached: Collection[str] = ()
) -> SpanReport:
    """Return the events of spans; `attached` are traces that an attachment reports."""
    outcomes: Counter[SpanOutcome] = Counter({"ignored": received.ignored})
    report = SpanReport([], outcomes, list(received.errors), 0)
    requests: list[RequestSpan] = []
    calls: list[ReceivedSpan] = []
    for span in received.spans:
        try:
            if is_call(span):
                calls.append(span)
            elif (usage := usage_of(span)) is None:
                outcomes["ignored"] += 1
            elif not usage.quantities:
                outcomes["no_usage"] += 1
            else:
                requests.append(RequestSpan(span, usage))
        except SpanError as error:
            report.errors.append(str(error))
    counted = outermost(requests)
    outcomes["nested"] += len(requests) - len(counted)
    without_user = 0
    for request in counted:
        without_user += _add_cost(report, maker, request, attached)
    for span in calls:
        _add_call(report, maker, span, attached)
    outcomes["refused"] += len(report.errors)
    return report._replace(without_user=without_user)


def traces_of(received: ReceivedSpans) -> set[str]:
    """Return the traces of spans that an attachment to a framework may report, too."""
    return {span.trace_id for span in received.spans if _is_of_framework(span)}


def _add_cost(
    report: SpanReport, maker: SpanEvents, request: RequestSpan, attached: Collection[str]
) -> bool:
    """Add the event of a request; returns whether it counts and names no user."""
    if request.span.trace_id in attached and _is_of_framework(request.span):
        report.outcomes["attached"] += 1
        return False
    try:
        report.events.append(maker.cost(request))
        report.outcomes["counted"] += 1
        return not maker.has_user(request.span)
    except SpanError as error:
        report.errors.append(str(error))
        return False


def _add_call(
    report: SpanReport, maker: SpanEvents, span: ReceivedSpan, attached: Collection[str]
) -> None:
    if span.trace_id in attached and _is_of_framework(span):
        report.outcomes["attached"] += 1
        return
    try:
        report.events.extend(maker.call(span))
        report.outcomes["call"] += 1
    except SpanError as error:
        report.errors.append(str(error))


def _is_of_framework(span: ReceivedSpan) -> bool:
    return span.scope in FRAMEWORK_SCOPES
