"""From the bodies of emitters to CloudEvents, checked as the worker will check them.

An event's identity decides whether a repeat counts. With an `Idempotency-Key` the key is the
identity; without one, a body that says when it happened is its own identity; a body that says
neither is a new event each time it is sent. A call is finalized once, however often it is sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeVar, get_args
from uuid import uuid4

import msgspec

from api.intake.event_stream import OutgoingEvent
from api.intake.sources import source_of
from ledger.prices.names import standard_unit
from schemas.cloudevents import RECEIVER, Window, decode
from schemas.events import EventReference, Unit
from schemas.intake import Finalize, Moment, Track
from schemas.jsonio import flaw_in_json
from schemas.numbers import read_number
from schemas.refusals import Refused

T = TypeVar("T")

_TEXT_MAX: Final = 255
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_UNITS: Final[tuple[str, ...]] = get_args(Unit)
_THEIR_NAMES: Final = {"`usage`": "`usageAmount`", "`time`": "`timestamp`"}
"""Names in an event, and what a field is called in the bodies that become one."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_track: Final = msgspec.json.Decoder(Track, dec_hook=read_number, float_hook=Decimal)
_finalize: Final = msgspec.json.Decoder(Finalize, dec_hook=read_number, float_hook=Decimal)
_batch: Final = msgspec.json.Decoder(list[msgspec.Raw])


class EventSender(NamedTuple):
    """Who sends, with which `Idempotency-Key` if any, and the present moment."""

    user_id: str
    key: str | None
    now: datetime


class CheckedEvent(NamedTuple):
    """An event as it goes to the stream, and its identity."""

    emitted: OutgoingEvent
    reference: EventReference


def tracked(body: bytes, sender: EventSender) -> CheckedEvent:
    """Return the `cost.recorded` that a body stands for; raises Refused."""
    said = _decoded(_track, body)
    unit = standard_unit(said.usage_unit)
    if unit not in _UNITS:
        raise Refused("invalid_event", f"`usageUnit` must be one of {', '.join(_UNITS)}.")
    data = {
        "callId": said.call_id,
        "userId": said.user_id,
        "personaId": said.persona_id,
        "service": said.service,
        "operation": said.operation,
        "model": said.model,
        "usage": said.usage_amount,
        "unit": unit,
        "unitCost": said.unit_cost,
        "totalCost": said.total_cost,
        "estimated": said.estimated or None,
        "metadata": said.metadata if bytes(said.metadata) else None,
    }
    at = _moment(said.timestamp)
    event_id = sender.key or (_of_content("cost.recorded", at, data) if at else str(uuid4()))
    return _event("cost.recorded", "track", event_id, at, data, sender)


def finalized(call_id: str, body: bytes, sender: EventSender) -> list[CheckedEvent]:
    """Return the end of a call and its charge, where the body has one; raises Refused."""
    said = _decoded(_finalize, body)
    if said.call_id not in {None, call_id}:
        raise Refused("invalid_event", "`callId` is not the call that the path names.")
    if said.fee is not None and said.amount is None:
        raise Refused("invalid_event", "`fee` goes with `amount` only.")
    at, stem = _moment(said.timestamp), f"key/{sender.key}" if sender.key else f"call/{call_id}"
    owner = {"callId": call_id, "userId": said.user_id}
    charge = owner | {"amount": said.amount, "fee": said.fee, "processor": said.processor}
    end = owner | {"status": said.status, "duration_seconds": said.duration_seconds}
    # The charge goes first: an end without a charge would get the default charge for a moment.
    charges = (
        [_event("call.charged", "finalize", f"{stem}/charged", at, charge, sender)]
        if said.amount is not None
        else []
    )
    return [*charges, _event("call.ended", "finalize", f"{stem}/ended", at, end, sender)]


def structured(value: bytes, now: datetime) -> CheckedEvent:
    """Return a CloudEvent as it was sent, checked; raises Refused."""
    _refuse_empty(value)
    event = decode(value, (), Window.around(now))
    key = event.data.user_id or event.data.call_id
    return CheckedEvent(OutgoingEvent(key.encode(), value), EventReference(event.source, event.id))


def binary(attributes: dict[str, str], body: bytes, now: datetime) -> CheckedEvent:
    """Return the CloudEvent of headers and a body in structured mode, checked; raises Refused."""
    _refuse_empty(body)
    try:
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    except UnicodeEncodeError:
        raise Refused("invalid_event", "A `ce-` header is not UTF-8.") from None
    decode(body, headers, Window.around(now))
    return structured(_encode(attributes | {"data": msgspec.Raw(body)}), now)


def batch(body: bytes, most: int, now: datetime) -> list[CheckedEvent]:
    """Return the CloudEvents of an array, all of them checked; raises Refused, naming the place."""
    values = _decoded(_batch, body)
    if not 0 < len(values) <= most:
        raise Refused("invalid_event", f"A batch must have 1 to {most} events, not {len(values)}.")
    return [_nth(number, bytes(value), now) for number, value in enumerate(values)]


def _nth(number: int, value: bytes, now: datetime) -> CheckedEvent:
    try:
        return structured(value, now)
    except Refused as refusal:
        raise Refused(refusal.code, f"Event {number} of the batch: {refusal.message}") from None


def _refuse_empty(body: bytes) -> None:
    """Raise Refused for a body without anything in it."""
    if not body.strip():
        raise Refused("invalid_json", "The body is empty.")


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    _refuse_empty(body)
    try:
        body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Refused("invalid_event", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"The body is not JSON: {flaw_in_json(error)}."
        raise Refused("invalid_json", message) from None
    except (ValueError, ArithmeticError):
        raise Refused("invalid_event", "A number in the body cannot be read.") from None


def _moment(said: Moment | None) -> datetime | None:
    if not isinstance(said, int):
        return said
    try:
        return _EPOCH + said * _MILLISECOND
    except OverflowError:
        raise Refused("invalid_event", "`timestamp` is out of range.") from None


def _of_content(kind: str, at: datetime, data: dict[str, Any]) -> str:
    """Return an id that is the same for the same content, wherever and whenever it is sent."""
    return f"content/{_digest(_encode((kind, _utc(at), data)))}"


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Refused("invalid_event", "`timestamp` is out of range.") from None


def _event(
    kind: str,
    way: str,
    event_id: str,
    at: datetime | None,
    data: dict[str, Any],
    sender: EventSender,
) -> CheckedEvent:
    """Return an event of a source that no other sender and no other way in has; raises Refused.

    Without a time it is now, which must not make a repeat look like a conflict.
    """
    envelope = {
        "specversion": "1.0",
        "id": _fitting(event_id),
        "source": _fitting(source_of(way, sender.user_id)),
        "type": kind,
        "subject": data["callId"],
        "time": sender.now if at is None else _utc(at),
        **({"timesource": RECEIVER} if at is None else {}),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    try:
        return structured(_encode(envelope), sender.now)
    except Refused as refusal:
        message = refusal.message
        for ours, theirs in _THEIR_NAMES.items():
            message = message.replace(ours, theirs)
        raise Refused(refusal.code, message) from None


def _fitting(text: str) -> str:
    """Return a text, or where it is too long for an id a digest that stands for it."""
    return text if len(text) <= _TEXT_MAX else f"digest/{_digest(text.encode())}"


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
