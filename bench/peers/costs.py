"""Computes the cost and the row of an event, for all compared stream processors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from schemas.money import half_even
from schemas.topics import CALL_EVENTS

TOPIC: Final = CALL_EVENTS.name
_HERE: Final = Path(__file__).parent
TABLES_SQL: Final = (_HERE / "tables.sql").read_text()
INCOMING_SQL: Final = (_HERE / "incoming.sql").read_text()
RECORD_SQL: Final = (_HERE / "record.sql").read_text()

PRICES: Final = {
    "twilio": (14_000_000, 60),
    "deepgram": (5_900_000, 60),
    "cerebras": (600, 1),
    "elevenlabs": (150_000, 1),
}
"""Nano-dollars and the number of units that they buy."""

decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class CostRow(NamedTuple):
    """A row of `cost_events`, in the order of its columns."""

    source: str
    event_id: str
    type: str
    time: datetime
    user_id: str
    call_id: str
    service: str
    operation: str
    model: str
    usage: int
    unit: str
    metadata: str
    cost_nano: int


def cost_nano(service: str, usage: int) -> int:
    """Return the cost of a usage in nano-dollars, rounded half-even; 0 without a service."""
    if not service:
        return 0
    nano, units = PRICES[service]
    return half_even(usage * nano, units)


def row_of(event: dict[str, Any]) -> CostRow:
    """Return the row of a decoded event."""
    data = event["data"]
    service, usage = data.get("service", ""), data.get("usage", 0)
    return CostRow(
        event["source"],
        event["id"],
        event["type"],
        datetime.fromisoformat(event["time"]),
        data["userId"],
        data["callId"],
        service,
        data.get("operation", ""),
        data.get("model", ""),
        usage,
        data.get("unit", ""),
        _encode(data.get("metadata", {})).decode(),
        cost_nano(service, usage),
    )


def rows_of(values: Iterable[bytes | None]) -> list[CostRow]:
    """Return the rows of the values of records; records without a value are skipped."""
    return [row_of(decode(value)) for value in values if value]
