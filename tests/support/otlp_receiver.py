"""A receiver of OTLP over HTTP in protobuf, as a collector is."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from devkit.embedded.ports import choose_port

_MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it was exported; ids are hexadecimal."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    links: tuple[str, ...]
    """The trace ids that it links to."""
    attributes: dict[str, str | int]
    has_failed: bool


@dataclass
class OtlpReceiver:
    """The spans that were received."""

    url: str
    spans: list[ReceivedSpan] = field(default_factory=list)

    def of_trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Return the spans of a trace in the order of their start."""
        found = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: (span.start_ns, -span.end_ns))

    async def until(self, condition: Callable[[], bool], seconds: int) -> bool:
        """Wait until a condition holds; returns whether it does."""
        for _ in range(seconds * 20):
            if condition():
                return True
            await asyncio.sleep(0.05)
        return condition()

    def add(self, request: ExportTraceServiceRequest) -> None:
        for resource_spans in request.resource_spans:
            values = {one.key: one.value.string_value for one in resource_spans.resource.attributes}
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    attributes: dict[str, str | int] = {
                        one.key: one.value.string_value or one.value.int_value
                        for one in span.attributes
                    }
                    self.spans.append(
                        ReceivedSpan(
                            values["service.name"],
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.start_time_unix_nano,
                            span.end_time_unix_nano,
                            tuple(link.trace_id.hex() for link in span.links),
                            attributes,
                            span.status.code == 2,
                        )
                    )

    def tree(self, trace_id: str) -> list[str]:
        """Return a line for each span of a trace: its place in the tree, service, times."""
        spans = self.of_trace(trace_id)
        began_ns = spans[0].start_ns
        known = {span.span_id for span in spans}
        lines: list[str] = []

        def add(span: ReceivedSpan, depth: int) -> None:
            start_ms = (span.start_ns - began_ns) / _MILLISECOND_NS
            took_ms = (span.end_ns - span.start_ns) / _MILLISECOND_NS
            label = f"{'  ' * depth}{span.name}"
            lines.append(f"{label:<44} {span.service:<24} at {start_ms:8.1f} ms, {took_ms:8.1f} ms")
            for child in spans:
                if child.parent_id == span.span_id:
                    add(child, depth + 1)

        for root in spans:
            if root.parent_id not in known:
                add(root, 0)
        return lines


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[OtlpReceiver]:
    """Serve a receiver during the block."""
    port = choose_port()
    receiver = OtlpReceiver(f"http://127.0.0.1:{port}")

    async def export(request: web.Request) -> web.Response:
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        receiver.add(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", export)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()
