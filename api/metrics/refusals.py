"""Counts requests and connections refused by limits, by the name of the limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

from aiohttp import web
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.http.problems import LimitName
from api.metrics.definitions import LIMIT_REFUSALS, labelled_metric


class RefusalMeter(Collector):
    """The refusals of one application."""

    def __init__(self) -> None:
        self._counts: dict[LimitName, int] = dict.fromkeys(get_args(LimitName), 0)

    def count(self, limit: LimitName) -> None:
        self._counts[limit] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the metric; limits that were never reached are 0."""
        yield labelled_metric(
            LIMIT_REFUSALS, (((name,), count) for name, count in self._counts.items())
        )


REFUSALS: Final = web.AppKey("refusals", RefusalMeter)
"""Key of the application's refusal meter."""
