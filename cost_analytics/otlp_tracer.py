"""Exports spans over OTLP with OpenTelemetry's SDK, which the extra `tracing` installs.

The SDK reads the standard variables `OTEL_…` itself: headers, timeouts, sampler, resource.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from messaging.tracing import Attributes, Span, SpanKind

FLUSH_SECONDS: Final = 3
"""The longest wait for the receiver when the process ends; remaining spans are dropped."""
_UNKNOWN: Final = "unknown_service"
_KINDS: Final[dict[SpanKind, Any]] = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
}


class SdkSpan:
    """A span of the SDK."""

    def __init__(self, span: Any) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """Its trace context."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def end(self, at_ns: int, error: str | None = None, **attributes: str | int) -> None:
        """End the span; an attribute's `__` becomes a dot."""
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)
        if error is not None:
            self._span.set_status(trace.Status(trace.StatusCode.ERROR, error))
        self._span.end(end_time=at_ns)


class OtlpTracer:
    """Starts spans that are exported in batches, from a thread of the SDK."""

    def __init__(self, service: str) -> None:
        """`service` names the process, unless `OTEL_SERVICE_NAME` does."""
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, _UNKNOWN)).startswith(_UNKNOWN):
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("cost_analytics")

    def start(
        self,
        name: str,
        kind: SpanKind,
        *,
        parent: str | None,
        at_ns: int,
        links: Sequence[str] = (),
        attributes: Attributes | None = None,
    ) -> Span:
        """Start a span within a trace context, or a new trace."""
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(_remote(parent)),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[trace.Link(_remote(link).get_span_context()) for link in links],
            start_time=at_ns,
        )
        return SdkSpan(span)

    def close(self) -> None:
        """Export what is left, within a time limit."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)


def _remote(traceparent: str | None) -> Any:
    """Return the span of a trace context."""
    if traceparent is None:
        return trace.INVALID_SPAN
    _, trace_id, span_id, flags = traceparent.split("-")
    context = trace.SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(flags, 16)),
    )
    return trace.NonRecordingSpan(context)
