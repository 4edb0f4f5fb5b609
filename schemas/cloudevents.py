"""Decodes a Kafka record into a validated event, or refuses it with a reason.

Supports CloudEvents 1.0 in both Kafka content modes: structured (the value is the whole event) and
binary (attributes in `ce_*` headers, the value is `data`). Any byte string results in an `Event` or
in `Refused` and in no other exception; a property test checks this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from schemas.bounds import CHECKS, checked_tags
from schemas.envelopes import Envelope, EventAttributes
from schemas.events import DATA_TYPES, RESERVED_SOURCES, CreditGranted, Event
from schemas.identity import fingerprint_of, identity_of
from schemas.jsonio import json_error
from schemas.numbers import read_number
from schemas.refusals import Refused

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_AHEAD: Final = timedelta(minutes=10)
MAX_AGE: Final = timedelta(days=400)
MAX_GRANT_LASTS: Final = timedelta(days=36_525)

RECEIVER: Final = "receiver"
"""The `timesource` of an event whose receiver set `time`: its repeats have other times."""

Headers = Sequence[tuple[str, bytes | None]]


class Window(Struct, frozen=True):
    """The range of times that an event may have to be accepted, both UTC and inclusive."""

    earliest: datetime
    latest: datetime

    @classmethod
    def around(cls, now: datetime) -> Window:
        """Return the window for events that arrive at `now`."""
        return cls(now - MAX_AGE, now + MAX_AHEAD)


parse: Final = msgspec.json.Decoder(Envelope, dec_hook=read_number, float_hook=Decimal).decode
"""Decodes a structured event without checking it; raises msgspec errors and ValueError."""
_envelopes: Final[dict[str, Any]] = {kind.kind: kind for kind in get_args(Envelope)}
decoders_of_data: Final = {
    name: msgspec.json.Decoder(kind, dec_hook=read_number, float_hook=Decimal)
    for name, kind in DATA_TYPES.items()
}
"""The decoders of `data`, by event type."""
_encode_canonical: Final = msgspec.json.Encoder().encode


def decode(value: bytes | None, headers: Headers, window: Window) -> Event:
    """Decode one record whose `time` must lie in `window`; raises `Refused`."""
    envelope = read(value, headers, window)
    return event_of(envelope, identity_of(envelope.source, envelope.id))


def read(value: bytes | None, headers: Headers, window: Window) -> Envelope:
    """Parse and check a record whose `time` must lie in `window`; raises `Refused`.

    The rest of decoding, `event_of`, cannot fail.
    """
    if not value:
        raise Refused("invalid_json", "The record has no value.")
    if len(value) > MAX_EVENT_BYTES:
        raise Refused(
            "too_large", f"The event has {len(value)} bytes; {MAX_EVENT_BYTES} are allowed."
        )
    try:
        if not value.isascii():
            value.decode("utf-8")  # the decoder skips unknown fields; they must be text, too
        attributes = _attributes(headers) if headers else None
        if attributes:
            return _check(_binary(value, attributes), window)
        envelope = parse(value)
        _refuse_nul(value)
        return _check(envelope, window)
    except UnicodeDecodeError as error:
        raise Refused("invalid_json", f"The event is not UTF-8: {error.reason}.") from None
    except msgspec.ValidationError as error:
        raise Refused("invalid_event", f"{error}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        if _is_not_finite(value):
            raise Refused("invalid_event", "A number is not finite: NaN or Infinity.") from None
        message = f"The event is not JSON: {json_error(error)}."
        raise Refused("invalid_json", message) from None
    except (ValueError, ArithmeticError) as error:
        raise Refused("invalid_event", f"A value cannot be read: {error}.") from None


def event_of(envelope: Envelope, identity: str) -> Event:
    """Return the event of an envelope that `read` has checked."""
    fingerprint = fingerprint_of(content_of(envelope))
    return Event(
        identity,
        fingerprint,
        envelope.source,
        envelope.id,
        envelope.kind,
        envelope.time,
        envelope.data,
    )


def content_of(envelope: Envelope) -> bytes:
    """Return the canonical form of an event's content: the same for each repeat."""
    time = None if envelope.timesource == RECEIVER else envelope.time
    return _encode_canonical((envelope.kind, time, envelope.data))


def _binary(value: bytes, attributes: dict[str, str]) -> Envelope:
    """Decode an event in binary mode; raises msgspec errors and `Refused`."""
    parsed = msgspec.convert(attributes, EventAttributes)
    kind = _envelopes.get(parsed.type)
    if kind is None:
        raise msgspec.ValidationError(f"Invalid value '{parsed.type}' - at `ce_type`")
    _refuse_nul(value)
    if any("\0" in text for text in attributes.values()):
        raise msgspec.ValidationError("A header holds a NUL character")
    envelope: Envelope = kind(
        specversion=parsed.specversion,
        id=parsed.id,
        source=parsed.source,
        time=parsed.time,
        subject=parsed.subject,
        timesource=parsed.timesource,
        data=decoders_of_data[parsed.type].decode(value),
    )
    return envelope


def _attributes(headers: Headers) -> dict[str, str]:
    """Return the CloudEvents attributes in the headers; without any, the mode is structured."""
    for key, _ in headers:
        if not key.isascii():
            _check_header_name(key)
    return {
        key[3:].lower(): (raw or b"").decode("utf-8")
        for key, raw in headers
        if key[:3].lower() == "ce_"
    }


def _check_header_name(key: str) -> None:
    """Refuse a record with a header name that is not UTF-8 (`messaging.records` keeps its bytes).

    The name could be an attribute's; ignoring it could turn the record into another event.
    """
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("invalid_json", "The name of a header is not UTF-8.") from None


def is_text(value: bytes) -> bool:
    """Return whether JSON is UTF-8 and holds no NUL character."""
    try:
        return (value.isascii() or bool(value.decode("utf-8"))) and not _holds_nul(value)
    except UnicodeDecodeError:
        return False


def _holds_nul(value: bytes) -> bool:
    """Return whether JSON holds a NUL character, escaped or not; PostgreSQL cannot store one.

    An escaped backslash before `u0000` is plain text, so pairs of backslashes are removed first.
    """
    if b"\\" not in value:
        return b"\0" in value
    return b"\0" in value or b"\\u0000" in value.replace(b"\\\\", b"")


def _is_not_finite(value: bytes) -> bool:
    """Return whether the value is JSON except for `NaN` or `Infinity`, as some libraries write."""
    if b"NaN" not in value and b"Infinity" not in value:
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_nul(value: bytes) -> None:
    if _holds_nul(value):
        raise Refused("invalid_event", "The event holds a NUL character.")


def _check(envelope: Envelope, window: Window) -> Envelope:
    time, data = envelope.time, envelope.data
    if envelope.source in RESERVED_SOURCES:
        raise Refused("invalid_event", f"The source {envelope.source} is reserved for the ledger.")
    if time.tzinfo is not UTC:
        time = envelope.time = _in_utc(time, "time")
    if not window.earliest <= time <= window.latest:
        raise _time_error(time, window)
    subject = envelope.subject
    if subject is not None and subject != (data.call_id or data.user_id):
        raise _subject_error(data.call_id)
    CHECKS[envelope.kind](data)
    if isinstance(data, CreditGranted):
        _check_grant(data, time)
    if data.tags is not None:
        data.tags = checked_tags(data.tags)
    return envelope


def _subject_error(call_id: str) -> Refused:
    if call_id:
        return Refused("invalid_event", "`subject` and `data.callId` name different calls.")
    return Refused("invalid_event", "`subject` and `data.userId` name different users.")


def _check_grant(data: CreditGranted, time: datetime) -> None:
    if data.expires_at is not None:
        data.expires_at = _in_utc(data.expires_at, "expiresAt")
        if not time < data.expires_at <= time + MAX_GRANT_LASTS:
            raise Refused("invalid_event", "`expiresAt` must be up to 100 years after `time`.")


def _time_error(time: datetime, window: Window) -> Refused:
    if time > window.latest:
        return Refused("invalid_event", "`time` is more than 10 minutes ahead.")
    return Refused("too_old", "`time` is more than 400 days back.")


def _in_utc(time: datetime, field: str) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Refused("invalid_event", f"`{field}` is out of range.") from None
