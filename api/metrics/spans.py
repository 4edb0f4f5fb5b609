"""Counts the spans that the intake received, by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, get_args

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import SPANS, labelled_metric

SpanOutcome = Literal["counted", "call", "ignored", "no_usage", "nested", "attached", "refused"]
"""`counted` is a request, `call` a whole call; `ignored` is neither; `no_usage` a request without
counts; `nested` is reported by a span around it, `attached` by an attachment to the framework."""

_OUTCOMES: Final = get_args(SpanOutcome)


class SpanMeter(Collector):
    """The spans of one application. A span that is sent again is counted again."""

    def __init__(self) -> None:
        self._counts: Counter[SpanOutcome] = Counter()

    def add(self, counts: Counter[SpanOutcome]) -> None:
        """Count the spans of an accepted request."""
        self._counts.update(counts)

    def collect(self) -> Iterable[Metric]:
        yield labelled_metric(SPANS, (((name,), self._counts[name]) for name in _OUTCOMES))
