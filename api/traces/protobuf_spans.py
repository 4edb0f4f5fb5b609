"""Reads the spans of an OTLP request in protobuf, and encodes the response.

Only messages of one span, one resource and one scope are decoded, each with a limit of its size, so
a small body cannot take a large memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from api.traces.protobuf_wire import WireError, submessages
from api.traces.spans import (
    SPAN_BYTES_MAX,
    SPANS_MAX,
    AttributeValue,
    MalformedTracesError,
    ReceivedSpan,
    ReceivedSpans,
    SpanAttributes,
    SpanError,
    may_matter,
)
from schemas.spans import is_span_id, is_trace_id

_RESOURCE_SPANS: Final = ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER
_RESOURCE: Final = ResourceSpans.RESOURCE_FIELD_NUMBER
_SCOPE_SPANS: Final = ResourceSpans.SCOPE_SPANS_FIELD_NUMBER
_SCOPE: Final = ScopeSpans.SCOPE_FIELD_NUMBER
_SPANS: Final = ScopeSpans.SPANS_FIELD_NUMBER


def read_protobuf(body: bytes) -> ReceivedSpans:
    """Return the spans of a request; raises MalformedTracesError."""
    received = ReceivedSpans([], 0, [])
    seen = 0
    try:
        for resource_spans in _content(memoryview(body), _RESOURCE_SPANS):
            resource: SpanAttributes | None = None
            for scope_spans in _content(resource_spans, _SCOPE_SPANS):
                scope: str | None = None
                for encoded in _content(scope_spans, _SPANS):
                    seen += 1
                    if seen > SPANS_MAX:
                        raise MalformedTracesError(f"more than {SPANS_MAX} spans")
                    span = bytes(encoded)
                    if not may_matter(span):
                        continue
                    if resource is None:
                        resource = _resource(resource_spans)
                    if scope is None:
                        scope = _scope(scope_spans)
                    _add(received, span, scope, resource)
    except (WireError, DecodeError) as error:
        raise MalformedTracesError(f"not protobuf of OTLP traces: {error}") from None
    return received._replace(ignored=seen - len(received.spans) - len(received.errors))


def encode_response(rejected: int, message: str) -> bytes:
    """Return the response of OTLP; without a message everything was accepted."""
    if not message and not rejected:
        return ExportTraceServiceResponse().SerializeToString()
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def _content(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (content for number, content in submessages(message) if number == wanted)


def _add(received: ReceivedSpans, encoded: bytes, scope: str, resource: SpanAttributes) -> None:
    """Decode a span and add it, or its error."""
    try:
        received.spans.append(_span(encoded, scope, resource))
    except SpanError as error:
        received.errors.append(str(error))
    except DecodeError:
        received.errors.append("a span is not valid protobuf")


def _merge_parts(message: memoryview, wanted: int) -> bytes:
    """Return a message that may come in several parts, which protobuf merges."""
    encoded = b"".join(_content(message, wanted))
    if len(encoded) > SPAN_BYTES_MAX:
        raise MalformedTracesError(f"a resource or scope has more than {SPAN_BYTES_MAX} bytes")
    return encoded


def _resource(resource_spans: memoryview) -> SpanAttributes:
    resource = Resource()
    resource.ParseFromString(_merge_parts(resource_spans, _RESOURCE))
    return _attributes(resource.attributes)


def _scope(scope_spans: memoryview) -> str:
    scope = InstrumentationScope()
    scope.ParseFromString(_merge_parts(scope_spans, _SCOPE))
    return scope.name


def _span(encoded: bytes, scope: str, resource: SpanAttributes) -> ReceivedSpan:
    if len(encoded) > SPAN_BYTES_MAX:
        raise SpanError(f"a span has more than {SPAN_BYTES_MAX} bytes")
    message = SpanMessage()
    message.ParseFromString(encoded)
    trace_id, span_id = message.trace_id.hex(), message.span_id.hex()
    if not is_trace_id(trace_id) or not is_span_id(span_id):
        raise SpanError("a span has no valid traceId and spanId")
    return ReceivedSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=message.parent_span_id.hex(),
        name=message.name,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        has_failed=message.status.code == Status.STATUS_CODE_ERROR,
        scope=scope,
        attributes=_attributes(message.attributes),
        resource=resource,
    )


def _attributes(encoded: Iterable[KeyValue]) -> SpanAttributes:
    attributes: dict[str, AttributeValue] = {}
    for attribute in encoded:
        value = attribute.value
        kind = value.WhichOneof("value")
        if kind in {"string_value", "bool_value", "int_value"}:
            attributes[attribute.key] = getattr(value, kind)
        elif kind == "double_value":
            attributes[attribute.key] = Decimal(repr(value.double_value))
    return attributes
