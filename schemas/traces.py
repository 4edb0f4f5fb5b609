"""OTLP/HTTP requests and responses of traces in JSON, with the fields that are used.

OTLP/JSON is not the JSON of protobuf: ids are hexadecimal digits, not base64. 64-bit integers are
text or numbers, and unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, field

Integer = int | str
"""A 64-bit integer, as a number or as decimal digits."""


class AnyValue(Struct, rename="camel"):
    """The value of an attribute; arrays, maps and bytes are ignored."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Integer | None = None
    double_value: Any = None


class KeyValue(Struct):
    """An attribute."""

    key: str = ""
    value: AnyValue | None = None


class SpanStatus(Struct):
    """The status of a span: 2 is an error."""

    code: Integer | None = 0


class OtlpSpan(Struct, rename="camel"):
    """A span."""

    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = ""
    name: str | None = ""
    start_time_unix_nano: Integer | None = 0
    end_time_unix_nano: Integer | None = 0
    attributes: list[KeyValue] | None = None
    status: SpanStatus | None = None


class Resource(Struct):
    """What sent the spans."""

    attributes: list[KeyValue] | None = None


class Scope(Struct):
    """The library that made the spans."""

    name: str | None = ""


class ScopeSpans(Struct):
    """The spans of one library."""

    scope: Scope | None = None
    spans: Annotated[list[Raw], Meta(description="Spans; each is read alone.")] | None = None


class ResourceSpans(Struct, rename="camel"):
    """The spans of one process."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class TraceExport(Struct, rename="camel"):
    """An `ExportTraceServiceRequest` of OTLP in JSON."""

    resource_spans: list[ResourceSpans] | None = None


class PartialSuccess(Struct, rename="camel", omit_defaults=True):
    """The number of refused spans, and the reason; a message without refused spans is a warning."""

    rejected_spans: str = "0"
    error_message: str = ""


class TraceExportResult(Struct, rename="camel", omit_defaults=True):
    """An `ExportTraceServiceResponse` of OTLP in JSON: empty if all spans were accepted."""

    partial_success: PartialSuccess = field(default_factory=PartialSuccess)
