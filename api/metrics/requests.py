"""Counts responses and measures their durations.

The number of labels is bounded: HTTP methods, route templates and statuses.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import DURATION, REQUESTS

OTHER: Final = "other"
"""Label of unknown routes and unknown methods."""

_STARTED_NS: Final = web.RequestKey("started_ns", int)
_NS_PER_SECOND: Final = 1_000_000_000
_BOUNDS_SECONDS: Final = (
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip

# They would add a series to each combination of labels.
disable_created_metrics()  # type: ignore[no-untyped-call]


class RequestMeter(Collector):
    """The requests of one application."""

    def __init__(self) -> None:
        self._requests = Counter(*REQUESTS, registry=None)
        self._durations = Histogram(*DURATION, registry=None, buckets=_BOUNDS_SECONDS)

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
        self._requests.labels(method, route, str(status)).inc()
        started_ns = request.get(_STARTED_NS)
        if started_ns is not None:  # absent for requests refused for their Expect header
            took_ns = time.monotonic_ns() - started_ns
            self._durations.labels(route).observe(took_ns / _NS_PER_SECOND)

    def collect(self) -> Iterable[Metric]:
        yield from self._requests.collect()
        yield from self._durations.collect()
