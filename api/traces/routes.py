"""`POST /v1/traces`: the receiver of OTLP/HTTP traces, in protobuf and in JSON.

The response follows OTLP: 200 once Kafka has the events of all spans that count, with the number
and the reason of refused spans; 429 and 503 are retried by exporters, other errors are not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from aiohttp import web

from api.http.access import CALLER, REPORT_REFUSAL, REPORTED_CALL, Access, Route
from api.http.encodings import ACCEPTED_ENCODINGS
from api.http.limits import read_body
from api.http.options import ApiOptions
from api.http.problems import Problem, invalid_body
from api.intake.event_stream import EventStream
from api.intake.publishing import publish, require_stream
from api.metrics.spans import SpanMeter
from api.openapi.operations import JSON, BareBody, Operation, Tag
from api.traces import json_spans, protobuf_spans
from api.traces.events import SpanEvents
from api.traces.report import report_of, traces_of
from api.traces.spans import MalformedTracesError, ReceivedSpans
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import StoreUnavailableError
from schemas.traces import TraceExport

PROTOBUF: Final = "application/x-protobuf"
PATH: Final = "/v1/traces"
_DECODED_IN_LOOP_MAX: Final = 64 * 1024
"""Larger bodies are decoded in a thread, so that other requests are served meanwhile."""

_OPERATION: Final = Operation(
    name="exportTraces",
    tag=Tag.REPORTING,
    summary="Export OpenTelemetry traces (OTLP/HTTP)",
    response=BareBody(
        "An `ExportTraceServiceResponse` in the encoding of the request, empty if all spans were "
        "accepted.",
        {
            "type": "object",
            "properties": {
                "partialSuccess": {
                    "type": "object",
                    "properties": {
                        "rejectedSpans": {"type": "string", "pattern": "^[0-9]+$"},
                        "errorMessage": {"type": "string"},
                    },
                }
            },
        },
        (PROTOBUF,),
    ),
    body={JSON: TraceExport, PROTOBUF: bytes},
    example={"resourceSpans": []},
)

_log: Final = logging.getLogger(__name__)


class TraceDeclarations(Protocol):
    """The traces whose usage the emitter, attached to their framework, reports itself."""

    async def find_attached(self, trace_ids: set[str]) -> set[str]:
        """Return those of the traces that are declared; raises StoreUnavailableError."""


class Encoding(NamedTuple):
    """An encoding of OTLP: how to read a request, and how to write the response."""

    read: Callable[[bytes], ReceivedSpans]
    respond: Callable[[int, str], bytes]


_ENCODINGS: Final = {
    PROTOBUF: Encoding(protobuf_spans.read_protobuf, protobuf_spans.encode_response),
    JSON: Encoding(json_spans.read_json, json_spans.encode_response),
}


class TraceRoutes:
    """The receiver of traces; without a stream it answers 503."""

    def __init__(
        self,
        stream: EventStream | None,
        declarations: TraceDeclarations,
        options: ApiOptions,
        now: Clock,
    ) -> None:
        self.meter = SpanMeter()
        self._stream = stream
        self._declarations = declarations
        self._limits = options.limits
        self._names = options.trace_names
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        return (Route("POST", PATH, Access.EMITTER, self.export, _OPERATION),)

    async def export(self, request: web.Request) -> web.Response:
        """Accept the spans of an exporter or a collector."""
        encoding = _ENCODINGS.get(request.content_type)
        if encoding is None:
            raise Problem(
                415,
                "unsupported_media_type",
                f"Traces are sent as {PROTOBUF} or {JSON}; see the header `Content-Type`.",
                ACCEPTED_ENCODINGS,
            )
        body = await read_body(request, self._limits, self._limits.traces_bytes)
        try:
            received = await _decode(encoding, body)
        except MalformedTracesError as error:
            raise invalid_body(f"The body cannot be read: {error}.") from None
        maker = SpanEvents(request[CALLER].user_id, self._names, self._now())
        report = report_of(received, maker, await self._attached(received))
        if report.events:
            request[REPORTED_CALL] = report.events[0].call_id
        elif report.errors:
            request[REPORT_REFUSAL] = report.message
        await publish(require_stream(self._stream), report.events)
        self.meter.add(report.outcomes)
        return web.Response(
            body=encoding.respond(len(report.errors), report.message),
            content_type=request.content_type,
            headers={"Cache-Control": "no-store"},
        )

    async def _attached(self, received: ReceivedSpans) -> set[str]:
        """Return the declared traces, none without the database: workers void such costs, too."""
        wanted = traces_of(received)
        if not wanted:
            return set()
        try:
            return await self._declarations.find_attached(wanted)
        except StoreUnavailableError as error:
            _log.warning("no database: %s", error, extra={"action": "traces_without_database"})
            return set()


async def _decode(encoding: Encoding, body: bytes) -> ReceivedSpans:
    if len(body) <= _DECODED_IN_LOOP_MAX:
        return encoding.read(body)
    return await asyncio.to_thread(encoding.read, body)
