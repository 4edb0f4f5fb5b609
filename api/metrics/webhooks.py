"""Counts the deliveries of vendors' webhooks by provider and outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, get_args

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import WEBHOOKS, labelled_metric
from api.webhooks.providers import PROVIDERS

WebhookOutcome = Literal["accepted", "incomplete", "refused"]
"""`incomplete`: accepted, except for a part that could not be read."""

_OUTCOMES: Final = get_args(WebhookOutcome)


class WebhookMeter(Collector):
    """The deliveries of one application; a delivery that is sent again is counted again."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, WebhookOutcome]] = Counter()

    def count(self, provider: str, outcome: WebhookOutcome) -> None:
        """Count a delivery to one of PROVIDERS."""
        self._counts[provider, outcome] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the metric, with 0 for outcomes that never happened."""
        pairs = [(provider, outcome) for provider in PROVIDERS for outcome in _OUTCOMES]
        yield labelled_metric(WEBHOOKS, ((pair, self._counts[pair]) for pair in pairs))
