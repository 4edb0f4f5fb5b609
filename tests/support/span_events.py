"""The events of spans, recorded and compared as a worker does it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from api.http.options import TraceNames
from api.traces.events import SpanEvents
from api.traces.protobuf_spans import read_protobuf
from api.traces.report import report_of
from ledger.postgres.database import connected
from ledger.prices.reading import read_catalogue
from ledger.repricing.span_voids import SpanVoider
from tests.support.otlp import Plain, as_protobuf
from tests.support.recording import fetch

SUBJECT = "voice-bot"


def events_of(*exports: Plain) -> list[bytes]:
    """Return the events of spans, each exported alone."""
    events = []
    for request in exports:
        maker = SpanEvents(SUBJECT, TraceNames(), datetime.now(UTC))
        report = report_of(read_protobuf(as_protobuf(request)), maker)
        assert report.errors == []
        events += [event.outgoing.value for event in report.events]
    return events


async def void_doubled(database_url: str) -> int:
    """Compare the traces that are due; returns the number of voided costs."""
    async with connected(database_url, name="tests") as connection:
        return await SpanVoider("cost").run_once(connection, await read_catalogue(connection))


async def counted_nano(database_url: str, user: str, service: str) -> int:
    """Return what a user's costs of a service sum up to."""
    query = (
        "SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs WHERE user_id = $1 AND service = $2"
    )
    return int((await fetch(database_url, query, user, service))[0][0])


def nano_of(prompt: int, reply: int) -> int:
    """Return the cost of a request to gpt-4-turbo: 10 and 30 dollars for a million tokens."""
    return int(Decimal(prompt * 10_000 + reply * 30_000))


def declaration(trace_id: str, **more: Any) -> dict[str, Any]:
    """Return the fields of an event by which an attachment declares a trace."""
    return {"tags": {"trace_id": trace_id}, **more}
