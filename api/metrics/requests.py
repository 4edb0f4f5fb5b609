"""Counts responses and measures their durations: two integer additions per request.

prometheus-client's own counters take locks and four times as long; here one event loop counts, and
the library receives the sums at each scrape. The number of labels is bounded: HTTP methods, route
templates and statuses.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import DURATION, REQUESTS, durations, labelled_metric

OTHER: Final = "other"
"""Label of unknown routes and unknown methods."""

_STARTED_NS: Final = web.RequestKey("started_ns", int)
_BOUNDS_US: Final = (
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
)  # fmt: skip
_BOUNDS_NS: Final = tuple(bound * 1_000 for bound in _BOUNDS_US)
"""From half a millisecond to ten seconds."""


class _Durations:
    __slots__ = ("counts", "sum_ns")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_NS) + 1)
        self.sum_ns = 0


class RequestMeter(Collector):
    """The requests of one application."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, _Durations] = {}

    def began(self, request: web.Request, started_ns: int) -> None:
        """Record the start of a request, in nanoseconds of the monotonic clock."""
        request[_STARTED_NS] = started_ns

    def answered(self, request: web.Request, status: int) -> None:
        """Count a request just before the head of its response is sent."""
        resource = request.match_info.route.resource
        method = request.method
        if resource is None:
            route = OTHER
            if method not in hdrs.METH_ALL:
                method = OTHER
        else:
            route = resource.canonical
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        started_ns = request.get(_STARTED_NS)
        if started_ns is not None:  # absent for requests refused for their Expect header
            self._took(route, time.monotonic_ns() - started_ns)

    def _took(self, route: str, took_ns: int) -> None:
        known = self._durations.get(route)
        if known is None:
            known = self._durations[route] = _Durations()
        known.counts[bisect_left(_BOUNDS_NS, took_ns)] += 1
        known.sum_ns += took_ns

    def collect(self) -> Iterable[Metric]:
        """Yield both metrics."""
        requests = self._requests.items()
        yield labelled_metric(
            REQUESTS,
            (((method, route, str(status)), n) for (method, route, status), n in requests),
        )
        yield durations(
            DURATION,
            _BOUNDS_NS,
            (((route,), known.counts, known.sum_ns) for route, known in self._durations.items()),
        )
