"""Writes events as emitters send them: first as plain values, then as bytes in either content mode.

A test keeps the plain form for its own computations and sends the bytes.
"""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from schemas.cloudevents import Window, decode
from schemas.events import Event

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""The current time of tests without a clock."""
WINDOW = Window.around(NOW)
SOURCE = "/tests/emitter"

Plain: TypeAlias = dict[str, Any]
"""A CloudEvent in structured mode, as JSON values with exact decimals."""

_numbers = itertools.count(1)
_encoder = msgspec.json.Encoder(decimal_format="number")


def event(kind: str, data: Mapping[str, Any], **attributes: Any) -> Plain:
    """Return an event with its own identity; attributes and fields that are None are left out.

    `data` needs no `callId` if it does not matter.
    """
    fields = {"callId": "call-1", **data}
    result = {
        "specversion": "1.0",
        "id": f"event-{next(_numbers)}",
        "source": SOURCE,
        "type": kind,
        "time": NOW,
        "data": {name: value for name, value in fields.items() if value is not None},
        **attributes,
    }
    return {name: value for name, value in result.items() if value is not None}


def started(call: str = "call-1", user: str = "alice", **more: Any) -> Plain:
    """Return a `call.started`."""
    persona = more.pop("persona", "brad_001")
    return _of_call("call.started", {"userId": user, "personaId": persona}, call, more)


def cost(call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    """Return a `cost.recorded`: a minute of telephony unless `more` says otherwise."""
    data = {"service": "twilio", "operation": "voice", "usage": 1, "unit": "minutes"}
    return _of_call("cost.recorded", {**data, "userId": user}, call, more)


def with_usages(fields: Plain) -> Plain:
    """Return the fields of a cost: those of a single usage are None if it has `usages`."""
    return {**fields, "usage": None, "unit": None} if fields.get("usages") else fields


def voided(of: Plain, call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    """Return a `cost.voided` that names the event `of`."""
    data = {"voids": {"source": of["source"], "id": of["id"]}, "reason": "wrong", "userId": user}
    return _of_call("cost.voided", data, call, more)


def charged(call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    """Return a `call.charged` of 4.99 unless `more` has another amount."""
    return _of_call("call.charged", {"amount": "4.99", "userId": user}, call, more)


def refunded(call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    """Return a `call.refunded` of 1 unless `more` has another amount."""
    return _of_call("call.refunded", {"amount": 1, "userId": user}, call, more)


def ended(call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    """Return a `call.ended`: completed after five minutes unless `more` says otherwise."""
    data = {"status": "completed", "duration_seconds": 300, "userId": user}
    return _of_call("call.ended", data, call, more)


_ATTRIBUTES = {"id", "source", "time", "subject", "specversion", "type"}


def _of_call(kind: str, data: Plain, call: str, more: Mapping[str, Any]) -> Plain:
    attributes = {name: value for name, value in more.items() if name in _ATTRIBUTES}
    fields = {name: value for name, value in more.items() if name not in _ATTRIBUTES}
    return event(kind, {"callId": call, **data, **fields}, **attributes)


def structured(plain: Plain) -> bytes:
    """Return the value of a Kafka record in structured mode."""
    return _encoder.encode(plain)


def binary(plain: Plain) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return the value and the headers of a Kafka record in binary mode."""
    attributes = {name: value for name, value in plain.items() if name != "data"}
    headers = [(f"ce_{name}", _text(value).encode()) for name, value in attributes.items()]
    return _encoder.encode(plain["data"]), headers


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def decoded(plain: Plain, window: Window = WINDOW) -> Event:
    """Return the decoded event; raises Refused."""
    return decode(structured(plain), (), window)


def granted(user: str = "alice", **more: Any) -> Plain:
    """Return a `credit.granted` of 10 unless `more` has another amount."""
    return _of_user("credit.granted", {"amount": 10, "userId": user}, more)


def grant_voided(of: Plain, user: str = "alice", **more: Any) -> Plain:
    """Return a `credit.voided` that names the grant `of`."""
    voids = {"source": of["source"], "id": of["id"]}
    return _of_user("credit.voided", {"voids": voids, "reason": "wrong", "userId": user}, more)


def _of_user(kind: str, data: Plain, more: Mapping[str, Any]) -> Plain:
    attributes = {name: value for name, value in more.items() if name in _ATTRIBUTES}
    fields = {name: value for name, value in more.items() if name not in _ATTRIBUTES}
    return event(kind, {"callId": None, **data, **fields}, **attributes)
