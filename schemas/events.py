"""The six events that happen to a call's cost, as emitters write them.

Each is the `data` of a CloudEvent; `schemas.cloudevents` owns the envelope. Unknown fields are
ignored, so that emitters may add some before we read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from schemas.jsonio import wire_name
from schemas.numbers import Number

Text = Annotated[str, Meta(min_length=1, max_length=255)]
"""Identifiers and names: 1 to 255 characters."""

Unit = Literal[
    "minutes", "seconds", "tokens", "input_tokens", "output_tokens", "characters", "requests"
]

Direction = Literal["outbound", "inbound"]
EndStatus = Literal["completed", "failed", "terminated"]
CallStatus = Literal["active", "completed", "failed", "terminated"]


class _Data(Struct, gc=False, kw_only=True, rename=wire_name, omit_defaults=True):
    call_id: Text
    user_id: Text | None = None


class CallStarted(_Data):
    """A call was placed or answered: whose it is and which persona speaks."""

    user_id: Text
    persona_id: Text
    direction: Direction | None = None
    expected_duration_seconds: Number | None = None


class CostRecorded(_Data):
    """A vendor's usage during a call; `total_cost`, where given, is its own price in USD."""

    service: Text
    operation: Text
    usage: Number
    unit: Unit
    persona_id: Text | None = None
    model: Text | None = None
    unit_cost: Number | None = None
    total_cost: Number | None = None
    estimated: bool = False
    metadata: Raw = Raw()


class EventReference(Struct, gc=False, frozen=True):
    """The identity of another event."""

    source: Text
    id: Text


class CostVoided(_Data):
    """A recorded cost should never have been counted."""

    voids: EventReference
    reason: Annotated[str, Meta(max_length=255)]


class CallCharged(_Data):
    """The user was charged `amount` USD; `fee` is what the processor really took."""

    amount: Number
    fee: Number | None = None
    processor: Text = "stripe"


class CallRefunded(_Data):
    """`amount` USD went back to the user; the processor keeps its fee."""

    amount: Number


class CallEnded(_Data):
    """The call is over."""

    status: EndStatus
    duration_seconds: Number


LEDGER_SOURCE = "ledger"
"""The source of what the ledger decides by itself about a call."""

RERATE_SOURCE = "/cost-analytics/rerate"
"""The source of the costs and voids by which late prices correct what was counted."""

RESERVED_SOURCES = frozenset({LEDGER_SOURCE, RERATE_SOURCE})
"""No emitter may use these: its identities could be those of the ledger's own events."""

EventData = CallStarted | CostRecorded | CostVoided | CallCharged | CallRefunded | CallEnded

DATA_TYPES: dict[str, type[EventData]] = {
    "call.started": CallStarted,
    "cost.recorded": CostRecorded,
    "cost.voided": CostVoided,
    "call.charged": CallCharged,
    "call.refunded": CallRefunded,
    "call.ended": CallEnded,
}
"""CloudEvents `type` to the shape of its `data`."""


class Event(Struct, gc=False):
    """A decoded, validated event.

    `identity` is 32 hexadecimal digits standing for (source, id); `fingerprint` is a signed 64-bit
    digest of the content, which tells a repeat from a conflict; `time` is in UTC.
    """

    identity: str
    fingerprint: int
    source: str
    id: str
    type: str
    time: datetime
    data: EventData

    @property
    def call_id(self) -> str:
        """The call that it happened to."""
        return self.data.call_id

    @property
    def user_id(self) -> str | None:
        """Whose call it is, where the event says so."""
        return self.data.user_id
