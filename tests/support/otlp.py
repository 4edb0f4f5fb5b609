"""Export requests of OTLP as tests describe them, in JSON and in protobuf."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.api import ApiClient, ApiResponse, token

PATH: Final = "/v1/traces"
PROTOBUF: Final = "application/x-protobuf"
SERVICE: Final = token("voice-bot", role="service")
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
NOW_NS: Final = time.time_ns() // 1_000_000_000 * 1_000_000_000
CHAT: Final[Mapping[str, Any]] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4-turbo",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.conversation.id": "call-1",
    "user.id": "alice",
}
Plain = dict[str, Any]
_NOT_FINITE: Final = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


def value_of(value: Any) -> Plain:
    """Return the value of an attribute."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float | Decimal):
        return {"doubleValue": float(value) if isfinite(value) else _NOT_FINITE[str(value)]}
    return {"stringValue": value}


def attributes_of(values: Mapping[str, Any]) -> list[Plain]:
    return [{"key": key, "value": value_of(value)} for key, value in values.items()]


def span(
    number: int = 1,
    attributes: Mapping[str, Any] = CHAT,
    *,
    trace: str = TRACE,
    parent: int | None = None,
    name: str = "chat gpt-4-turbo",
    times: tuple[int, int] = (0, 1),
    status: int = 0,
) -> Plain:
    """Return a span; `times` are its start and end in seconds from ten seconds ago."""
    first_ns = NOW_NS - 10_000_000_000
    start, end = times
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(first_ns + start * 1_000_000_000),
        "endTimeUnixNano": str(first_ns + end * 1_000_000_000),
        "attributes": attributes_of(attributes),
        "status": {"code": status},
    }


def export(
    *spans: Plain, scope: str = "opentelemetry.instrumentation.openai_v2", **resource: Any
) -> Plain:
    """Return an export request of one scope."""
    named = {name.replace("_", "."): value for name, value in resource.items()}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes_of(named)},
                "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}],
            }
        ]
    }


def joined(*exports: Plain) -> Plain:
    """Return the spans of several requests as one request."""
    return {"resourceSpans": [one for request in exports for one in request["resourceSpans"]]}


def as_protobuf(request: Plain) -> bytes:
    """Return a request in protobuf, whose JSON has ids in base64."""
    copy = json.loads(json.dumps(request))
    for resource_spans in copy["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for one in scope_spans["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in one:
                        one[name] = base64.b64encode(bytes.fromhex(one[name])).decode()
    message = ExportTraceServiceRequest()
    json_format.ParseDict(copy, message)
    return message.SerializeToString()


async def send_json(
    api: ApiClient, request: Any, bearer: str = SERVICE, **headers: str
) -> ApiResponse:
    named = {"Content-Type": "application/json", **headers}
    return await api.ask("POST", PATH, bearer=bearer, body=request, headers=named)


async def send_protobuf(
    api: ApiClient, request: Plain | bytes, bearer: str = SERVICE
) -> ApiResponse:
    body = request if isinstance(request, bytes) else as_protobuf(request)
    return await api.ask("POST", PATH, bearer=bearer, body=body, headers={"Content-Type": PROTOBUF})


def partial_success(response: ApiResponse) -> tuple[int, str]:
    """Return the number of refused spans and the message of a response."""
    assert response.status == 200, response.body
    if response.headers["Content-Type"] == PROTOBUF:
        partial = ExportTraceServiceResponse.FromString(response.body).partial_success
        return partial.rejected_spans, partial.error_message
    body: Mapping[str, Any] = json.loads(response.body).get("partialSuccess", {})
    return int(body.get("rejectedSpans", "0")), str(body.get("errorMessage", ""))


def chats(count: int, **changes: Any) -> Sequence[Plain]:
    """Return spans of several requests, one after the other."""
    return [span(number + 1, {**CHAT, **changes}, times=(0, 1)) for number in range(count)]
