"""Makes CloudEvents from request bodies, validated as the worker will validate them.

An event's identity decides whether a repeat counts. With an `Idempotency-Key` the key is the
identity. Without one, a body with a timestamp is its own identity, and a body without a timestamp
is a new event each time it is sent. A call is finalized once, even if the request is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeVar
from uuid import uuid4

import msgspec

from api.intake.event_stream import OutgoingEvent
from api.intake.json_bodies import decode_json
from api.intake.sources import source_of
from ledger.prices.names import standard_unit
from schemas.cloudevents import RECEIVER, Window, decode
from schemas.events import EventReference
from schemas.intake import Finalize, Moment, Track
from schemas.numbers import read_number
from schemas.refusals import Refused

T = TypeVar("T")

_TEXT_MAX: Final = 255
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_BODY_FIELD_NAMES: Final = {
    "`usage`": "`usageAmount`",
    "`unit`": "`usageUnit`",
    "`time`": "`timestamp`",
}
"""Field names of events, and the corresponding names in request bodies."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_track: Final = msgspec.json.Decoder(Track, dec_hook=read_number, float_hook=Decimal)
_finalize: Final = msgspec.json.Decoder(Finalize, dec_hook=read_number, float_hook=Decimal)
_batch: Final = msgspec.json.Decoder(list[msgspec.Raw])


class IntakeContext(NamedTuple):
    """The sender of a request, its `Idempotency-Key` if any, and the current time."""

    sender: str
    idempotency_key: str | None
    now: datetime


class CheckedEvent(NamedTuple):
    """A valid event, ready to publish; `call_id` is empty for an event of prepaid credit."""

    outgoing: OutgoingEvent
    reference: EventReference
    call_id: str


def cost_event(body: bytes, context: IntakeContext) -> CheckedEvent:
    """Return the `cost.recorded` event of a body; raises Refused."""
    body_fields = _decode_body(_track, body)
    unit = body_fields.usage_unit and standard_unit(body_fields.usage_unit)
    # The digest of `data` may be the event's identity. It must stay the same between releases, so
    # fields that later releases added are left out if they have no value.
    data = {
        "callId": body_fields.call_id,
        "userId": body_fields.user_id,
        "personaId": body_fields.persona_id,
        "service": body_fields.service,
        "operation": body_fields.operation,
        "model": body_fields.model,
        "usage": body_fields.usage_amount,
        "unit": unit,
        "unitCost": body_fields.unit_cost,
        "totalCost": body_fields.total_cost,
        "estimated": body_fields.estimated or None,
        "metadata": body_fields.metadata if bytes(body_fields.metadata) else None,
        **_tags(body_fields.tags),
        **_usages(body_fields),
        **_leg(body_fields.leg_id),
    }
    at = _time_of(body_fields.timestamp)
    if context.idempotency_key is not None:
        event_id = context.idempotency_key
    elif at is not None:
        event_id = _content_id("cost.recorded", at, data)
    else:
        event_id = str(uuid4())
    return _event("cost.recorded", "track", event_id, at, data, context)


def _usages(body_fields: Track) -> dict[str, object]:
    """Return `usages`, ordered by unit, or no field for a body without them."""
    if body_fields.usages is None:
        return {}
    usages = [
        {"unit": standard_unit(usage.unit), "quantity": usage.quantity}
        for usage in body_fields.usages
    ]
    return {"usages": sorted(usages, key=itemgetter("unit"))}


def end_events(call_id: str, body: bytes, context: IntakeContext) -> list[CheckedEvent]:
    """Return the end of a call and its charge, if the body has one; raises Refused."""
    body_fields = _decode_body(_finalize, body)
    if body_fields.call_id not in {None, call_id}:
        raise Refused("invalid_event", "`callId` differs from the call in the path.")
    if body_fields.fee is not None and body_fields.amount is None:
        raise Refused("invalid_event", "`fee` requires `amount`.")
    at = _time_of(body_fields.timestamp)
    id_prefix = f"key/{context.idempotency_key}" if context.idempotency_key else f"call/{call_id}"
    owner = {"callId": call_id, "userId": body_fields.user_id}
    charge = owner | {
        "amount": body_fields.amount,
        "fee": body_fields.fee,
        "processor": body_fields.processor,
    }
    end = owner | {
        "status": body_fields.status,
        "duration_seconds": body_fields.duration_seconds,
        **_tags(body_fields.tags),
    }
    # The charge goes first: an end without a charge would get the default charge for a moment.
    charges = (
        [_event("call.charged", "finalize", f"{id_prefix}/charged", at, charge, context)]
        if body_fields.amount is not None
        else []
    )
    return [*charges, _event("call.ended", "finalize", f"{id_prefix}/ended", at, end, context)]


def _tags(tags: dict[str, str] | None) -> dict[str, dict[str, str]]:
    """Return `tags`, ordered by key, or no field for a body without tags."""
    return {"tags": dict(sorted(tags.items()))} if tags else {}


def _leg(leg_id: str | None) -> dict[str, str]:
    """Return `legId`, or no field for a body without a leg."""
    return {} if leg_id is None else {"legId": leg_id}


def structured_event(value: bytes, now: datetime) -> CheckedEvent:
    """Return a CloudEvent in structured mode, validated; raises Refused."""
    _refuse_empty(value)
    event = decode(value, (), Window.around(now))
    partition_key = event.data.user_id or event.data.call_id
    reference = EventReference(event.source, event.id)
    return CheckedEvent(OutgoingEvent(partition_key.encode(), value), reference, event.data.call_id)


def binary_event(attributes: dict[str, str], body: bytes, now: datetime) -> CheckedEvent:
    """Return a CloudEvent in binary mode as a structured one, validated; raises Refused."""
    _refuse_empty(body)
    try:
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    except UnicodeEncodeError:
        raise Refused("invalid_event", "A `ce-` header is not UTF-8.") from None
    decode(body, headers, Window.around(now))
    return structured_event(_encode(attributes | {"data": msgspec.Raw(body)}), now)


def batch_events(body: bytes, maximum: int, now: datetime) -> list[CheckedEvent]:
    """Return the validated CloudEvents of a batch; raises Refused, naming the index."""
    values = _decode_body(_batch, body)
    if not 0 < len(values) <= maximum:
        raise Refused(
            "invalid_event", f"A batch must have 1 to {maximum} events, not {len(values)}."
        )
    return [_batch_event(index, bytes(value), now) for index, value in enumerate(values)]


def _batch_event(index: int, value: bytes, now: datetime) -> CheckedEvent:
    try:
        return structured_event(value, now)
    except Refused as refusal:
        raise Refused(refusal.code, f"Event {index} of the batch: {refusal.message}") from None


def _refuse_empty(body: bytes) -> None:
    """Raise Refused for an empty body."""
    if not body.strip():
        raise Refused("invalid_json", "The body is empty.")


def _decode_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    _refuse_empty(body)
    return decode_json(decoder.decode, body)


def _time_of(timestamp: Moment | None) -> datetime | None:
    if not isinstance(timestamp, int):
        return timestamp
    try:
        return _EPOCH + timestamp * _MILLISECOND
    except OverflowError:
        raise Refused("invalid_event", "`timestamp` is out of range.") from None


def _content_id(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    """Return an id derived from the content, the same each time it is sent."""
    return f"content/{_digest(_encode((event_type, _in_utc(at), data)))}"


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Refused("invalid_event", "`timestamp` is out of range.") from None


def _event(
    event_type: str,
    route_name: str,
    event_id: str,
    at: datetime | None,
    data: dict[str, Any],
    context: IntakeContext,
) -> CheckedEvent:
    """Return an event whose source is unique to its sender and route; raises Refused."""
    source = source_of(route_name, context.sender)
    try:
        return make_event(event_type, source, event_id, at, data, context.now)
    except Refused as refusal:
        message = refusal.message
        for event_name, body_name in _BODY_FIELD_NAMES.items():
            message = message.replace(event_name, body_name)
        raise Refused(refusal.code, message) from None


def make_event(
    event_type: str,
    source: str,
    event_id: str,
    at: datetime | None,
    data: Mapping[str, Any],
    now: datetime,
) -> CheckedEvent:
    """Return a validated event; raises Refused. Fields of `data` that are None are left out.

    Its subject is the call in `data`, or the user if there is no call. Without `at` its time is now
    and `timesource` says so; a repeat with another time is then not a conflict.
    """
    envelope = {
        "specversion": "1.0",
        "id": _shorten(event_id),
        "source": _shorten(source),
        "type": event_type,
        "subject": data.get("callId") or data.get("userId"),
        "time": now if at is None else _in_utc(at),
        **({"timesource": RECEIVER} if at is None else {}),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return structured_event(_encode(envelope), now)


def _shorten(text: str) -> str:
    """Return the text, or its digest if it is too long for an id."""
    return text if len(text) <= _TEXT_MAX else f"digest/{_digest(text.encode())}"


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
