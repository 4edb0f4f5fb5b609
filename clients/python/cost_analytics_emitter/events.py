"""Makes CloudEvents: their identity, their time, and their JSON."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

Number: TypeAlias = int | float | Decimal | str
"""A quantity or US dollars. `Decimal` and `str` are exact; a float is sent as Python prints it."""
Fields: TypeAlias = dict[str, Any]

EVENT_BYTES_MAX: Final = 64 * 1024
_EXPONENT_MAX: Final = 100
"""Plain digits of a `Decimal` with an absurd exponent would take gigabytes."""

_random = random.Random(os.urandom(32))  # noqa: S311  identities are unique, not secret
# Two processes with the same state would give two events one identity.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


class Event(NamedTuple):
    """An event: its id, its Kafka key (the user, else the call), and the CloudEvent in JSON."""

    id: str
    key: str
    body: bytes


def new_id() -> str:
    """Return a version 7 UUID: it begins with the time, so the ledger's index stays small."""
    high, low = _random.getrandbits(12), _random.getrandbits(62)
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _exact(value: object) -> str:
    """Return a Decimal in plain digits, as text: JSON numbers of Python are binary floats."""
    if isinstance(value, Decimal) and value.is_finite():
        if abs(value.adjusted()) > _EXPONENT_MAX:
            raise ValueError(f"{value!r} cannot be sent: its exponent is too large")
        return format(value, "f")
    raise TypeError(f"{value!r} cannot be sent as JSON")


exact_json: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_exact
).encode


def make_event(
    source: str,
    event_id: str,
    event_type: str,
    data: Mapping[str, Any],
    at: datetime | None,
) -> Event:
    """Return the event, without the fields of `data` that are None.

    `at` is when it happened, by default now. Raises ValueError or TypeError if it cannot be sent.
    """
    if at is None:
        at = datetime.now(timezone.utc)
    elif at.tzinfo is None:
        raise ValueError("`at` has no time zone")
    call_id = data["callId"]
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type,
        "subject": call_id,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    body = exact_json(event).encode()
    if len(body) > EVENT_BYTES_MAX:
        raise ValueError(f"the event has {len(body)} bytes; at most {EVENT_BYTES_MAX} are allowed")
    return Event(event_id, data.get("userId") or call_id, body)


def read_event(body: bytes) -> Event:
    """Return the event of a stored body; raises ValueError, KeyError or TypeError."""
    event = json.loads(body)
    data = event["data"]
    return Event(event["id"], data.get("userId") or data["callId"], body)


def quantity_fields(quantity: Number | Mapping[str, Number], unit: str | None) -> Fields:
    """Return the fields of one quantity or of several; raises ValueError if there is none."""
    if not isinstance(quantity, Mapping):
        return {"usage": quantity, "unit": unit}
    if not quantity:
        raise ValueError("no quantity was reported")
    if unit is not None:
        raise ValueError("several quantities have their own units")
    return {"usages": [{"unit": name, "quantity": value} for name, value in quantity.items()]}
