"""Reads the spans of an OTLP request in JSON, and encodes the response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

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
from schemas.jsonio import json_error
from schemas.spans import is_span_id, is_trace_id
from schemas.traces import (
    AnyValue,
    Integer,
    KeyValue,
    OtlpSpan,
    PartialSuccess,
    TraceExport,
    TraceExportResult,
)

OBJECTS_MAX: Final = 1_000_000
"""The maximum number of objects in a request: limits the memory of a body of empty objects."""
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}").fullmatch
_STATUS_ERROR: Final = (2, "STATUS_CODE_ERROR")

_decode_request: Final = msgspec.json.Decoder(TraceExport, float_hook=Decimal).decode
_decode_span: Final = msgspec.json.Decoder(OtlpSpan, float_hook=Decimal).decode


def read_json(body: bytes) -> ReceivedSpans:
    """Return the spans of a request; raises MalformedTracesError."""
    if body.count(b"{") > OBJECTS_MAX:
        raise MalformedTracesError(f"more than {OBJECTS_MAX} objects")
    try:
        body.decode()
        request = _decode_request(body)
    except msgspec.ValidationError as error:
        raise MalformedTracesError(f"not JSON of OTLP traces: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedTracesError(f"not JSON: {json_error(error)}") from None
    except (ValueError, ArithmeticError):
        raise MalformedTracesError("a number cannot be read") from None
    return _read(request)


def encode_response(rejected: int, message: str) -> bytes:
    """Return the response of OTLP; without a message everything was accepted."""
    return msgspec.json.encode(TraceExportResult(PartialSuccess(str(rejected), message)))


def _read(request: TraceExport) -> ReceivedSpans:
    spans: list[ReceivedSpan] = []
    errors: list[str] = []
    seen = 0
    for resource_spans in request.resource_spans or ():
        of_resource = resource_spans.resource
        try:
            resource = _attributes((of_resource and of_resource.attributes) or ())
        except SpanError as error:
            raise MalformedTracesError(f"a resource cannot be read: {error}") from None
        for scope_spans in resource_spans.scope_spans or ():
            scope = (scope_spans.scope and scope_spans.scope.name) or ""
            seen += len(scope_spans.spans or ())
            if seen > SPANS_MAX:
                raise MalformedTracesError(f"more than {SPANS_MAX} spans")
            for encoded in scope_spans.spans or ():
                if may_matter(bytes(encoded)):
                    try:
                        spans.append(_span(bytes(encoded), scope, resource))
                    except SpanError as error:
                        errors.append(str(error))
    return ReceivedSpans(spans, seen - len(spans) - len(errors), errors)


def _span(encoded: bytes, scope: str, resource: SpanAttributes) -> ReceivedSpan:
    if len(encoded) > SPAN_BYTES_MAX:
        raise SpanError(f"a span has more than {SPAN_BYTES_MAX} bytes")
    try:
        message = _decode_span(encoded)
    except msgspec.ValidationError as error:
        raise SpanError(f"a span is not a span of OTLP: {error}") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise SpanError("a value of a span cannot be read") from None
    trace_id, span_id = message.trace_id.lower(), message.span_id.lower()
    if not is_trace_id(trace_id) or not is_span_id(span_id):
        raise SpanError("a span has no traceId of 32 hexadecimal digits and spanId of 16")
    return ReceivedSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=(message.parent_span_id or "").lower(),
        name=message.name or "",
        start_ns=_integer(message.start_time_unix_nano),
        end_ns=_integer(message.end_time_unix_nano),
        has_failed=message.status is not None and message.status.code in _STATUS_ERROR,
        scope=scope,
        attributes=_attributes(message.attributes or ()),
        resource=resource,
    )


def _attributes(encoded: Iterable[KeyValue]) -> SpanAttributes:
    attributes: dict[str, AttributeValue] = {}
    for attribute in encoded:
        value = _value(attribute.value) if attribute.value is not None else None
        if value is not None:
            attributes[attribute.key] = value
    return attributes


def _value(value: AnyValue) -> AttributeValue | None:
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _integer(value.int_value)
    double = value.double_value
    if isinstance(double, Decimal | int) and not isinstance(double, bool):
        return double
    return None if double is None else Decimal("NaN")  # "NaN" and "Infinity" are text


def _integer(value: Integer | None) -> int:
    if isinstance(value, str):
        if not _INTEGER(value):
            raise SpanError(f"{value[:40]!r} is not an integer")
        return int(value)
    return value or 0
