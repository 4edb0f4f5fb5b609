"""Bodies that are small to send and large to decode; run alone, it prints the memory of reading one."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.traces.json_spans import read_json
from api.traces.protobuf_spans import read_protobuf
from api.traces.spans import SPAN_BYTES_MAX, MalformedTracesError

BODY_BYTES: Final = 8 * 1024 * 1024
MARK: Final = b"gen_ai.usage."


def field(number: int, content: bytes) -> bytes:
    """Return an encoded protobuf field with a length."""
    length, rest = bytearray(), len(content)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + content


def spans(content: bytes) -> bytes:
    """Return a request with encoded fields of ScopeSpans."""
    return field(1, field(2, content))


def span_of(attribute: bytes) -> bytes:
    """Return a span of the maximum size, full of an attribute."""
    head = field(9, field(1, MARK))
    count = (SPAN_BYTES_MAX - len(head) - 16) // len(attribute)
    return field(2, head + attribute * count)


def nested(depth: int) -> bytes:
    """Return an attribute whose value is an array within an array, and so on."""
    value = b""
    for _ in range(depth):
        value = field(5, field(1, value))
    return field(9, field(1, MARK) + field(2, value))


def empty_spans() -> bytes:
    return spans(b"\x12\x00" * (BODY_BYTES // 2 - 16))


BOMBS: Final[Mapping[str, tuple[Callable[[bytes], object], Callable[[], bytes]]]] = {
    "empty_spans": (read_protobuf, empty_spans),
    "empty_attributes": (read_protobuf, lambda: spans(span_of(b"\x4a\x00") * 7)),
    "deep_values": (read_protobuf, lambda: spans(field(2, nested(20_000)) * 40)),
    "long_text": (read_protobuf, lambda: spans(field(2, field(9, field(1, MARK * 500_000))))),
    "empty_json_spans": (
        read_json,
        lambda: b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s{}]}]}]}' % (b"{}," * 2_700_000),
    ),
    "json_spans": (
        read_json,
        lambda: b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s{}]}]}]}' % (b"{}," * 900_000),
    ),
    "deep_json": (read_json, lambda: b'{"resourceSpans":' + b"[" * 4_000_000),
    "generated_classes": (ExportTraceServiceRequest.FromString, empty_spans),
}


def peak_kb(*, is_reset: bool = False) -> int:
    """Return the most memory that this process had, since its last reset."""
    if is_reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main(name: str) -> None:
    """Read a body, and print the kilobytes that this took at most."""
    read, make = BOMBS[name]
    body = make()
    before = peak_kb(is_reset=True)
    error = ""
    try:
        read(body)
    except MalformedTracesError as malformed:
        error = str(malformed)
    found = {"bytes": len(body), "kb": peak_kb() - before, "error": error}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
