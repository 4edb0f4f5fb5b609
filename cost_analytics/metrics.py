"""Serves the metrics of a process other than the API, if it has a port for them."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Final

from cost_analytics.configuration.run_sections import MetricsSection
from cost_analytics.failures import CommandError
from streams.metrics.server import Meter, serving_metrics

_log: Final = logging.getLogger(__name__)


def metrics_of(meter: Meter, section: MetricsSection, port: int | None) -> ExitStack:
    """Serve the metrics of this process until the returned stack is closed.

    Without a port nothing is served. Raises CommandError if the port cannot be opened.
    """
    stack = ExitStack()
    if port is None:
        return stack
    try:
        stack.enter_context(serving_metrics(section.host, port, meter))
    except OSError as error:
        raise CommandError(
            f"{section.host} port {port} cannot be opened for metrics: {error.strerror or error}. "
            "Choose another METRICS_HOST or port."
        ) from None
    _log.info("metrics on %s port %d", section.host, port, extra={"action": "metrics_started"})
    return stack
