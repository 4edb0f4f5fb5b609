"""What this process has open: sockets of the live feed, and connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import (
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    SOCKETS,
    SOCKETS_LIMIT,
    many,
    one,
)
from ledger.postgres.viewers import ReaderPool


class UsageCollector(Collector):
    """Counts `sockets` and the connections that pools have lent, at each scrape."""

    def __init__(
        self, sockets: Callable[[], int], sockets_max: int, pools: Mapping[str, ReaderPool]
    ) -> None:
        self._sockets = sockets
        self._sockets_max = sockets_max
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """Yield what is open, each with its limit."""
        yield one(SOCKETS, self._sockets())
        yield one(SOCKETS_LIMIT, self._sockets_max)
        pools = {name: pool.connections() for name, pool in self._pools.items()}
        yield many(
            CONNECTIONS,
            (
                ((name, state), count)
                for name, each in pools.items()
                for state, count in (("busy", each.busy), ("idle", each.idle))
            ),
        )
        yield many(CONNECTIONS_LIMIT, (((name,), each.most) for name, each in pools.items()))
