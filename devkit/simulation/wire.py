"""A simulated event, and its encoding as a record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class SimulatedEvent(NamedTuple):
    """An event of a call, with its time (UTC, in milliseconds) and content.

    `delay_ms` is the time until its emitter sends it.
    """

    time_ms: int
    id: str
    source: str
    type: str
    data: dict[str, Any]
    delay_ms: int = 0


class ScheduledRecord(NamedTuple):
    """A record for the topic; `at_us` is its sending time, in microseconds since 1970."""

    at_us: int
    key: bytes
    value: bytes
    is_valid: bool = True


def uuid7(time_ms: int, rng: Random) -> str:
    """Return a version 7 UUID for a time, with the other bits from `rng`."""
    high, low = rng.getrandbits(12), rng.getrandbits(62)
    number = (time_ms << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def time_text(time_ms: int) -> str:
    """Return a time in CloudEvents format, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(event: SimulatedEvent) -> dict[str, Any]:
    """Return the CloudEvent in structured mode as a dict."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.data["callId"],
        "time": time_text(event.time_ms),
        "datacontenttype": "application/json",
        "data": event.data,
    }


def encode(event: dict[str, Any]) -> bytes:
    """Return the JSON of an event; decimals are written as exact numbers."""
    return _encoder.encode(event)


def key_of(data: dict[str, Any]) -> bytes:
    """Return the Kafka key: the user if the emitter knows it, else the call."""
    return str(data.get("userId") or data["callId"]).encode()


def tenths(number: int) -> Decimal:
    """Return number ÷ 10, exactly."""
    return Decimal(number).scaleb(-1)
