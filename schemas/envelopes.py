"""The envelopes of events: CloudEvents 1.0 in structured mode, and attributes in binary mode."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from schemas.events import (
    CallCharged,
    CallEnded,
    CallRefunded,
    CallStarted,
    CallUpdated,
    CostRecorded,
    CostVoided,
    CreditGranted,
    CreditVoided,
    Text,
)

Time = Annotated[datetime, Meta(tz=True)]


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


class _Updated(_Envelope, tag="call.updated"):
    kind = "call.updated"
    data: CallUpdated


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


class _Granted(_Envelope, tag="credit.granted"):
    kind = "credit.granted"
    data: CreditGranted


class _GrantVoided(_Envelope, tag="credit.voided"):
    kind = "credit.voided"
    data: CreditVoided


class EventAttributes(Struct, kw_only=True):
    """The CloudEvents attributes in the headers of a record in binary mode."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: Time
    subject: Text | None = None
    timesource: Text | None = None


Recorded = _Recorded
"""The envelope of a `cost.recorded`."""

Envelope = (
    _Started
    | _Updated
    | _Recorded
    | _Voided
    | _Charged
    | _Refunded
    | _Ended
    | _Granted
    | _GrantVoided
)
