"""Turns tracing on if the settings have a receiver; without one, nothing of it is imported."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cost_analytics.configuration.run_sections import TracingSection
from cost_analytics.failures import MISUSED, CommandError
from messaging.tracing import Tracer

_log: Final = logging.getLogger(__name__)


@contextmanager
def tracing(section: TracingSection, service: str) -> Iterator[Tracer | None]:
    """Yield the tracer of a process, None if tracing is off.

    Raises CommandError if tracing is on and the extra `tracing` is not installed.
    """
    if not section.is_on:
        yield None
        return
    try:
        from cost_analytics.otlp_tracer import OtlpTracer
    except ModuleNotFoundError as error:
        raise CommandError(
            f"Tracing is on, but {error.name} is not installed. Install the extra: "
            "pip install 'cost-analytics[tracing]'. Or unset OTEL_EXPORTER_OTLP_ENDPOINT.",
            MISUSED,
        ) from None
    tracer = OtlpTracer(f"cost-analytics-{service}")
    _log.info("traces are exported", extra={"action": "tracing_started"})
    try:
        yield tracer
    finally:
        tracer.close()
