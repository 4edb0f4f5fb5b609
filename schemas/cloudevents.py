"""From the bytes of a Kafka record to a validated event, or to a refusal with its reason.

CloudEvents 1.0 in both Kafka content modes: structured (the value is the whole event) and binary
(attributes in `ce_*` headers, the value is `data`). Every byte string ends either as an `Event` or
as `Refused`; nothing else is ever raised, which a property test holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.events import (
    DATA_TYPES,
    CallCharged,
    CallEnded,
    CallRefunded,
    CallStarted,
    CostRecorded,
    CostVoided,
    Event,
    EventData,
    Number,
    Text,
)
from schemas.identity import fingerprint_of, identity_of
from schemas.money import MAX_EVENT_NANO, NANO_PER_USD
from schemas.refusals import Refused

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_METADATA_BYTES: Final = 8 * 1024
MAX_METADATA_DEPTH: Final = 32
MAX_USAGE: Final = 10**12
MAX_AMOUNT_USD: Final = MAX_EVENT_NANO // NANO_PER_USD
MAX_DURATION_SECONDS: Final = 31_536_000
MAX_DECIMAL_PLACES: Final = 30
MAX_DIGITS: Final = 60
MAX_AHEAD: Final = timedelta(minutes=10)
MAX_AGE: Final = timedelta(days=400)

RECEIVER: Final = "receiver"
"""`timesource` of an event whose `time` was set by whoever received it: no repeat has the same."""

Headers = Sequence[tuple[str, bytes]]
Time = Annotated[datetime, Meta(tz=True)]


class Window(Struct, frozen=True):
    """The times at which an accepted event may have happened, both UTC and inclusive."""

    earliest: datetime
    latest: datetime

    @classmethod
    def around(cls, now: datetime) -> Window:
        """Return what is acceptable at the moment `now`."""
        return cls(now - MAX_AGE, now + MAX_AHEAD)


class _Envelope(Struct, tag_field="type", gc=False, kw_only=True):
    kind: ClassVar[str]
    specversion: Literal["1.0"]
    id: Text
    source: Text
    time: Time
    subject: Text | None = None
    timesource: Text | None = None


class _Started(_Envelope, tag="call.started"):
    kind = "call.started"
    data: CallStarted


class _Recorded(_Envelope, tag="cost.recorded"):
    kind = "cost.recorded"
    data: CostRecorded


class _Voided(_Envelope, tag="cost.voided"):
    kind = "cost.voided"
    data: CostVoided


class _Charged(_Envelope, tag="call.charged"):
    kind = "call.charged"
    data: CallCharged


class _Refunded(_Envelope, tag="call.refunded"):
    kind = "call.refunded"
    data: CallRefunded


class _Ended(_Envelope, tag="call.ended"):
    kind = "call.ended"
    data: CallEnded


class _Attributes(Struct, kw_only=True):
    """What the headers of binary mode carry."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: Time
    subject: Text | None = None
    timesource: Text | None = None


_Structured = _Started | _Recorded | _Voided | _Charged | _Refunded | _Ended
_decode_structured: Final = msgspec.json.Decoder(_Structured).decode
_data_decoders: Final = {name: msgspec.json.Decoder(kind) for name, kind in DATA_TYPES.items()}
_encode_canonical: Final = msgspec.json.Encoder().encode
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


def decode(value: bytes | None, headers: Headers, window: Window) -> Event:
    """Decode one record whose `time` must lie in `window`; raises `Refused`."""
    if not value:
        raise Refused("invalid_json", "The record has no value.")
    if len(value) > MAX_EVENT_BYTES:
        raise Refused(
            "too_large", f"The event has {len(value)} bytes; {MAX_EVENT_BYTES} are allowed."
        )
    try:
        if not value.isascii():
            value.decode("utf-8")  # what is skipped while decoding has to be text too
        attributes = _attributes(headers) if headers else None
        if attributes:
            return _checked(*_binary(value, attributes), window)
        envelope = _decode_structured(value)
        if b"\\" in value or b"\0" in value:
            _refuse_nul(value)
        return _checked(envelope, envelope.kind, envelope.data, window)
    except UnicodeDecodeError as error:
        raise Refused("invalid_json", f"The event is not UTF-8: {error.reason}.") from None
    except msgspec.ValidationError as error:
        raise Refused("invalid_event", f"{error}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"{error}.") from None
    except (ValueError, ArithmeticError) as error:
        raise Refused("invalid_event", f"A value cannot be read: {error}.") from None


def _binary(value: bytes, attributes: dict[str, str]) -> tuple[_Attributes, str, EventData]:
    """Decode an event in binary mode; raises msgspec errors and `Refused`."""
    parsed = msgspec.convert(attributes, _Attributes)
    decoder = _data_decoders.get(parsed.type)
    if decoder is None:
        raise msgspec.ValidationError(f"Invalid value '{parsed.type}' - at `ce_type`")
    _refuse_nul(value)
    if any("\0" in text for text in attributes.values()):
        raise msgspec.ValidationError("A header holds a NUL character")
    return parsed, parsed.type, decoder.decode(value)


def _attributes(headers: Headers) -> dict[str, str]:
    """Return the CloudEvents attributes in the headers; none of them means structured mode."""
    return {
        key[3:].lower(): (raw or b"").decode("utf-8")
        for key, raw in headers
        if key[:3].lower() == "ce_"
    }


def _refuse_nul(value: bytes) -> None:
    """Refuse a NUL character, escaped or not, which PostgreSQL's text cannot hold.

    An escaped backslash before `u0000` is plain text, so pairs of backslashes are taken out first.
    """
    if b"\0" in value or b"\\u0000" in value.replace(b"\\\\", b""):
        raise Refused("invalid_event", "The event holds a NUL character.")


def _checked(
    envelope: _Envelope | _Attributes, kind: str, data: EventData, window: Window
) -> Event:
    time, source, event_id = envelope.time, envelope.source, envelope.id
    if time.tzinfo is not UTC:
        time = _in_utc(time)
    if not window.earliest <= time <= window.latest:
        raise _untimely(time, window)
    subject = envelope.subject
    if subject is not None and subject != data.call_id:
        raise Refused("invalid_event", "`subject` and `data.callId` name different calls.")
    _CHECKS[kind](data)
    told = None if envelope.timesource == RECEIVER else time
    fingerprint = fingerprint_of(_encode_canonical((kind, told, data)))
    return Event(identity_of(source, event_id), fingerprint, source, event_id, kind, time, data)


def _untimely(time: datetime, window: Window) -> Refused:
    if time > window.latest:
        return Refused("invalid_event", "`time` is more than 10 minutes ahead.")
    return Refused("invalid_event", "`time` is more than 400 days back.")


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Refused("invalid_event", "`time` is out of range.") from None


def _bounded(value: Number | None, name: str, most: int) -> None:
    """Refuse a number that is not finite, negative, above `most`, or written absurdly long."""
    if value is None:
        return
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Refused("invalid_event", f"`{name}` is not a finite number.")
        _, digits, exponent = value.as_tuple()
        if abs(int(exponent)) > MAX_DECIMAL_PLACES or len(digits) > MAX_DIGITS:
            raise Refused("invalid_event", f"`{name}` has too many digits.")
    if value < 0:
        raise Refused("invalid_event", f"`{name}` is negative.")
    if value > most:
        raise Refused("invalid_event", f"`{name}` is above {most}.")


def _check_started(data: Any) -> None:
    _bounded(data.expected_duration_seconds, "expectedDuration_seconds", MAX_DURATION_SECONDS)


def _check_recorded(data: Any) -> None:
    usage = data.usage
    if type(usage) is not int or not 0 <= usage <= MAX_USAGE:
        _bounded(usage, "usage", MAX_USAGE)
    if data.unit_cost is not None:
        _bounded(data.unit_cost, "unitCost", MAX_AMOUNT_USD)
    if data.total_cost is not None:
        _bounded(data.total_cost, "totalCost", MAX_AMOUNT_USD)
    metadata = bytes(data.metadata)
    if metadata and not (len(metadata) <= MAX_METADATA_DEPTH and metadata.startswith(b"{")):
        _check_metadata(metadata)


def _check_metadata(metadata: bytes) -> None:
    if len(metadata) > MAX_METADATA_BYTES:
        raise Refused("invalid_event", f"`metadata` is above {MAX_METADATA_BYTES} bytes.")
    if metadata[:1] != b"{" and metadata != b"null":
        raise Refused("invalid_event", "`metadata` is not an object.")
    if _is_deep(metadata):
        raise Refused("invalid_event", f"`metadata` is above {MAX_METADATA_DEPTH} levels deep.")


def _is_deep(json: bytes) -> bool:
    """Say whether arrays and objects lie too deep in each other.

    Metadata is parsed again later, on a deeper stack: what just passed here would fail there.
    """
    if json.count(b"[") + json.count(b"{") <= MAX_METADATA_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", json)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_METADATA_DEPTH:
            return True
    return False


def _check_amount(data: Any) -> None:
    _bounded(data.amount, "amount", MAX_AMOUNT_USD)
    _bounded(getattr(data, "fee", None), "fee", MAX_AMOUNT_USD)


def _check_ended(data: Any) -> None:
    _bounded(data.duration_seconds, "duration_seconds", MAX_DURATION_SECONDS)


def _check_nothing(data: Any) -> None:
    """Accept: the shape alone says all there is to say."""


_CHECKS: Final = {
    "call.started": _check_started,
    "cost.recorded": _check_recorded,
    "cost.voided": _check_nothing,
    "call.charged": _check_amount,
    "call.refunded": _check_amount,
    "call.ended": _check_ended,
}
