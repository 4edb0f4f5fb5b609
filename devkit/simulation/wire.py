"""A simulated event on its way: what is known of it, and its bytes as they would be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class SimulatedEvent(NamedTuple):
    """One thing that happens in a call: when (UTC, in milliseconds), and what is said of it.

    `delay_ms` is how long its emitter takes to send it.
    """

    time_ms: int
    id: str
    source: str
    type: str
    data: dict[str, Any]
    delay_ms: int = 0


class ScheduledRecord(NamedTuple):
    """One record for the topic; `at_us` is when to send it, in microseconds since 1970."""

    at_us: int
    key: bytes
    value: bytes
    good: bool = True


def uuid7(time_ms: int, rng: Random) -> str:
    """Return a version 7 UUID of that time whose other bits come from `rng`."""
    high, low = rng.getrandbits(12), rng.getrandbits(62)
    number = (time_ms << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def time_text(time_ms: int) -> str:
    """Write a time as CloudEvents do, to the millisecond."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(happening: SimulatedEvent) -> dict[str, Any]:
    """Return the CloudEvent, in structured mode, as plain values."""
    return {
        "specversion": "1.0",
        "id": happening.id,
        "source": happening.source,
        "type": happening.type,
        "subject": happening.data["callId"],
        "time": time_text(happening.time_ms),
        "datacontenttype": "application/json",
        "data": happening.data,
    }


def encode(event: dict[str, Any]) -> bytes:
    """Return the JSON of an event; decimals are written as exact numbers."""
    return _encoder.encode(event)


def key_of(data: dict[str, Any]) -> bytes:
    """Return the Kafka key: the user where the emitter knows it, else the call."""
    return str(data.get("userId") or data["callId"]).encode()


def tenths(number: int) -> Decimal:
    """Return number ÷ 10, exactly."""
    return Decimal(number).scaleb(-1)
