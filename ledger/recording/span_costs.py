"""Stores which recorded costs spans reported, and which traces attachments to frameworks report.

Both are compared later (`ledger.repricing.span_voids`), because they arrive in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.entries import Entry
from ledger.calls.rating import DetailedCost
from ledger.calls.tags import decode_tags
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.usages import unpack_usages
from schemas.events import TRACE_TAG, TRACES_SOURCE
from schemas.spans import is_trace_id
from schemas.usages import input_and_output_sums

_SQL: Final = statements("recording/span_costs")

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class _SpanMetadata(Struct, rename="camel"):
    """The metadata of the cost of a span."""

    trace_id: str
    span_id: str
    scope: str
    start_unix_nano: str
    end_unix_nano: str
    parent_span_id: str = ""


_read: Final = msgspec.json.Decoder(_SpanMetadata).decode


async def store_spans(connection: Connection, changes: BatchChanges) -> None:
    """Store the costs of spans, and the traces of attachments, among the events of a batch."""
    costs: list[dict[str, object]] = []
    traces: set[str] = set()
    for row in changes.entries:
        tags: Mapping[str, str] | str | None = getattr(row, "tags", None)
        if tags and TRACE_TAG in tags:
            traces.add(_trace_of(tags))
        entry = row.entry if isinstance(row, DetailedCost) else row
        if isinstance(entry, Entry) and entry.source.startswith(TRACES_SOURCE):
            costs += _span_cost(entry, row.owner)
    traces.discard("")
    if costs:
        await connection.execute(*_SQL.bind("add", rows=_encode(costs).decode()))
    if traces:
        await connection.execute(*_SQL.bind("attach", trace_ids=sorted(traces)))


def _trace_of(tags: Mapping[str, str] | str) -> str:
    """Return the trace that tags name, empty if the value is not a trace id."""
    values = decode_tags(tags) if isinstance(tags, str) else tags
    trace_id = (values or {}).get(TRACE_TAG, "").lower()
    return trace_id if is_trace_id(trace_id) else ""


def _span_cost(entry: Entry, owner: str) -> Iterable[dict[str, Any]]:
    """Return the row of a cost that a span reported; none for any other event."""
    if entry.type != "cost.recorded" or entry.usages is None or entry.data is None:
        return []
    try:
        span = _read(entry.data)
        starts_ns, ends_ns = int(span.start_unix_nano), int(span.end_unix_nano)
    except (msgspec.ValidationError, ValueError):
        return []  # an emitter of Kafka used the source for an event of its own
    quantities = {
        usage.unit: usage.quantity for usage in unpack_usages(bytes(entry.usages).decode())
    }
    prompt, reply = input_and_output_sums(quantities)
    return [
        {
            "identity": entry.identity,
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_span_id,
            "scope": span.scope,
            "starts_ns": starts_ns,
            "ends_ns": ends_ns,
            "prompt": prompt,
            "reply": reply,
            "source": entry.source,
            "event_id": entry.event_id,
            "call_id": entry.call_id,
            "user_id": owner,
            "time": entry.time,
        }
    ]
