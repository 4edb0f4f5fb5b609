"""`GET /metrics`: metrics for operators, in the text format of Prometheus.

The route is public, so a response is cached for a few seconds: frequent scrapes cost the database
nothing, and this process no more than `/health`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from api.http.access import Access, Route
from api.metrics.process import UsageCollector
from api.metrics.product import ProductCollector
from api.openapi.operations import FileBody, Operation, Tag
from ledger.operations.figures import ProductStatus, read_product_status
from ledger.postgres.viewers import ReaderPool, StoreUnavailableError

READ_SECONDS_MAX: Final = 3
"""The longest wait for the database: scrapers usually give up after ten seconds."""

_SECOND_NS: Final = 1_000_000_000
# The format that all versions of Prometheus read.
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": CONTENT_TYPE_PLAIN_0_0_4,
    "Cache-Control": "no-store",
}

_OPERATION: Final = Operation(
    name="getMetrics",
    tag=Tag.SERVICE,
    summary="Get metrics for Prometheus",
    response=FileBody("Metrics in the text format of Prometheus.", "text/plain", named=False),
)

_log: Final = logging.getLogger(__name__)


class MetricsRoutes:
    """The metrics route, with its own registry.

    `meters` collect counts; `sockets` returns the number of open sockets, at most `sockets_max`.
    `pools` are reader pools by name; the product's figures are read through `requests`.
    A response is reused for `cache_seconds`.
    """

    def __init__(
        self,
        meters: Sequence[Collector],
        pools: Mapping[str, ReaderPool],
        sockets: Callable[[], int],
        sockets_max: int,
        cache_seconds: int,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._readers = pools["requests"]
        self._cache_ns = cache_seconds * _SECOND_NS
        self._monotonic_ns = monotonic_ns
        self._product = ProductCollector()
        self._registry = CollectorRegistry()
        for collector in (*meters, UsageCollector(sockets, sockets_max, pools), self._product):
            self._registry.register(collector)
        for library in (ProcessCollector, PlatformCollector, GCCollector):
            library(registry=self._registry)
        self._lock = asyncio.Lock()
        self._until_ns = 0
        self._text = b""

    def routes(self) -> tuple[Route, ...]:
        return (Route("GET", "/metrics", Access.ANYONE, self.metrics, _OPERATION),)

    async def metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Return all known metrics; those read from the database are missing without it."""
        async with self._lock:
            if self._monotonic_ns() >= self._until_ns:
                self._product.status = await self._status()
                self._text = generate_latest(self._registry)
                self._until_ns = self._monotonic_ns() + self._cache_ns
            return web.Response(body=self._text, headers=_HEADERS)

    async def _status(self) -> ProductStatus | None:
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                return await read_product_status(self._readers)
        except (StoreUnavailableError, TimeoutError) as error:
            _log.warning("no database: %s", error, extra={"action": "metrics_without_database"})
        except Exception:
            # After any error the process's own metrics must still be served.
            _log.exception("metrics were not read", extra={"action": "metrics_without_database"})
        return None
