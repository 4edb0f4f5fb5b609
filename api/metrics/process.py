"""Metrics of this process: open sockets, and connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import (
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    SOCKETS,
    SOCKETS_LIMIT,
    labelled_metric,
    metric,
)
from ledger.postgres.viewers import ReaderPool


class UsageCollector(Collector):
    """Collects the number of `sockets` and the pools' connections, at each scrape."""

    def __init__(
        self, sockets: Callable[[], int], sockets_max: int, pools: Mapping[str, ReaderPool]
    ) -> None:
        self._sockets = sockets
        self._sockets_max = sockets_max
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """Yield each number with its limit."""
        yield metric(SOCKETS, self._sockets())
        yield metric(SOCKETS_LIMIT, self._sockets_max)
        pools = {name: pool.connections() for name, pool in self._pools.items()}
        yield labelled_metric(
            CONNECTIONS,
            (
                ((name, state), count)
                for name, pool in pools.items()
                for state, count in (("busy", pool.busy), ("idle", pool.idle))
            ),
        )
        yield labelled_metric(
            CONNECTIONS_LIMIT, (((name,), pool.limit) for name, pool in pools.items())
        )
