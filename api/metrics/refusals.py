"""Counts what limits refuse, by the name of the limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

from aiohttp import web
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.http.problems import LimitName
from api.metrics.definitions import LIMIT_REFUSALS, many


class RefusalMeter(Collector):
    """The refusals of one application."""

    def __init__(self) -> None:
        self._counts: dict[LimitName, int] = dict.fromkeys(get_args(LimitName), 0)

    def count(self, limit: LimitName) -> None:
        """Count one refusal."""
        self._counts[limit] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the metric; limits that were never reached are 0."""
        yield many(LIMIT_REFUSALS, (((name,), count) for name, count in self._counts.items()))


REFUSALS: Final = web.AppKey("refusals", RefusalMeter)
"""Where an application keeps the meter of what its limits refuse."""
