"""Finds requests that a trace reports twice: by a framework, and within it by a client's library.

Both libraries measure the same request, so one span lies within the time of the other and has the
same sums of tokens. The outer one counts. Parents would prove more, but the spans between
two requests are not requests, and they arrive at other times or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from api.traces.spans import ReceivedSpan
from api.traces.usages import SpanUsage
from schemas.numbers import Number
from schemas.usages import input_and_output_sums

_COMPARED_MAX: Final = 64
"""The maximum number of requests that each is compared with."""


class RequestSpan(NamedTuple):
    """A span of a request, and its usage."""

    span: ReceivedSpan
    usage: SpanUsage

    @property
    def sums(self) -> tuple[Number, Number]:
        """The sums of what was sent and of what was produced."""
        return input_and_output_sums(self.usage.quantities)


def outermost(requests: Sequence[RequestSpan]) -> list[RequestSpan]:
    """Return the requests that no other one of the same trace contains."""
    traces: dict[tuple[str, tuple[Number, Number]], list[RequestSpan]] = {}
    for request in requests:
        traces.setdefault((request.span.trace_id, request.sums), []).append(request)
    return [
        request
        for request in requests
        if not any(
            _contains(other, request)
            for other in traces[request.span.trace_id, request.sums][:_COMPARED_MAX]
        )
    ]


def _contains(outer: RequestSpan, inner: RequestSpan) -> bool:
    """Return whether `outer` reports the request of `inner`, too."""
    one, other = outer.span, inner.span
    if one.span_id == other.span_id or not (
        one.start_ns <= other.start_ns and other.end_ns <= one.end_ns
    ):
        return False
    if other.parent_id == one.span_id:
        return True
    if one.scope == other.scope:
        return False
    is_same_time = (one.start_ns, one.end_ns) == (other.start_ns, other.end_ns)
    return not is_same_time or one.scope < other.scope
