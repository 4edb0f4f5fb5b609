"""Serves the metrics of a process in Prometheus's text format, on their own port.

The server has its own threads, so that it answers while the event loop is stalled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.registry import Collector

Meter: TypeAlias = Collector
"""Measures something, and yields it as metrics."""

# Times of creation would double the number of series.
disable_created_metrics()  # type: ignore[no-untyped-call]


@contextmanager
def serving_metrics(host: str, port: int, *meters: Meter) -> Iterator[int]:
    """Serve the meters, and figures of the process, during the block; yields the port.

    A port of 0 means any free one. Raises OSError if the port cannot be opened.
    """
    registry = CollectorRegistry()
    for meter in meters:
        registry.register(meter)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
