"""The event types of calls and of prepaid credit, as emitters send them.

Each is the `data` of a CloudEvent; `schemas.cloudevents` defines the envelope. Unknown fields are
ignored, so that emitters may add fields before the stream reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, Raw, Struct
from msgspec.structs import force_setattr

from schemas.jsonio import wire_name
from schemas.numbers import Number
from schemas.usages import Unit, Usages

Text = Annotated[str, Meta(min_length=1, max_length=255)]
"""Identifiers and names: 1 to 255 characters."""

MAX_TAGS: Final = 10
"""The maximum number of tags of an event, and of tags that a call keeps."""
MAX_TAG_LENGTH: Final = 100
TAG_KEY: Final = "[a-z][a-z0-9_]{0,39}"
NO_TAG_CHARACTERS: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
"""Control characters and line separators, which a tag's value may not contain."""

_TagValue = Annotated[
    str,
    Meta(
        extra_json_schema={
            "minLength": 1,
            "maxLength": MAX_TAG_LENGTH,
            "pattern": f"^[^{NO_TAG_CHARACTERS}]*$",
        }
    ),
]
Tags = Annotated[
    dict[str, _TagValue],
    Meta(
        description="Labels of the call. For each key the earliest event by `time` counts.",
        extra_json_schema={
            "maxProperties": MAX_TAGS,
            "propertyNames": {"pattern": f"^{TAG_KEY}$"},
        },
    ),
]
"""Values by key; `schemas.bounds` checks both."""

Direction = Literal["outbound", "inbound"]
EndStatus = Literal["completed", "failed", "terminated"]
CallStatus = Literal["active", "completed", "failed", "terminated", "abandoned"]
"""`abandoned` is a call that the ledger closed, because no event of it arrived for too long."""

DESTINATION_DIGITS_MAX: Final = 7
"""The longest number prefix that is kept and that a price may have; it names no subscriber."""
INPUT_SIZE_MAX: Final = 10**12
STANDARD_TIERS: Final = frozenset({"", "standard", "default"})
"""Names of the tier that a price without a tier is for."""


class PriceContext(
    Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    rename=wire_name,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What the price of a usage may depend on, beside its service, operation, model and unit.

    `input_size` is the number of input tokens of the whole request. `destination` is the called
    number, its prefix or its country; only the first 7 digits of a number are kept. An unknown
    field is refused: ignoring it could use a wrong price.
    """

    tier: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None
    input_size: Annotated[int, Meta(ge=0, le=INPUT_SIZE_MAX)] | None = None
    direction: Direction | None = None
    destination: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{0,14}|[A-Z]{2})$")] | None = None
    voice_class: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None

    def __post_init__(self) -> None:
        """Use standard names, and remove the end of a number, which is personal data."""
        tier = (self.tier or "").lower()
        force_setattr(self, "tier", None if tier in STANDARD_TIERS else tier)
        force_setattr(self, "voice_class", self.voice_class and self.voice_class.lower())
        if self.destination is not None:
            force_setattr(self, "destination", self.destination[: DESTINATION_DIGITS_MAX + 1])


NO_CONTEXT: Final = PriceContext()


class _Data(Struct, gc=False, kw_only=True, rename=wire_name, omit_defaults=True):
    call_id: Text
    user_id: Text | None = None
    tags: Tags | None = None


CONTROL_URL: Final = r"https://[!-~]{1,2000}"
"""The form of an address that controls a call."""

ControlUrl = Annotated[
    str,
    Meta(
        pattern=f"^{CONTROL_URL}$",
        description="The vendor's address that controls this call: a secret of the call.",
    ),
]


class CallStarted(_Data):
    """A call was placed or answered, for a user and with a persona."""

    user_id: Text
    persona_id: Text
    direction: Direction | None = None
    expected_duration_seconds: Number | None = None
    provider: Text | None = None
    provider_call_id: Text | None = None
    control_url: ControlUrl | None = None


class CallUpdated(_Data):
    """Facts of a call that became known after its start: its user, or its vendor.

    `provider` is the vendor that carries the call, and `provider_call_id` its id of the call.
    """

    provider: Text | None = None
    provider_call_id: Text | None = None
    control_url: ControlUrl | None = None


class CostRecorded(_Data):
    """A vendor's usage during a call: either `usage` and `unit`, or `usages`.

    `usages` are the quantities of one request, which count all or none. `total_cost`, if given, is
    the vendor's own price in USD; `unit_cost` is the price of one `unit`. `leg_id` tells legs of a
    call apart that have the same service, operation and model.
    """

    service: Text
    operation: Text
    usage: Number | None = None
    unit: Unit | None = None
    persona_id: Text | None = None
    model: Text | None = None
    unit_cost: Number | None = None
    total_cost: Number | None = None
    estimated: bool = False
    metadata: Raw = Raw()
    price_context: PriceContext | None = None
    usages: Usages | None = None
    leg_id: Text | None = None


class EventReference(Struct, gc=False, frozen=True):
    """The identity of another event."""

    source: Text
    id: Text


class CostVoided(_Data):
    """A recorded cost was wrong and must not be counted."""

    voids: EventReference
    reason: Annotated[str, Meta(max_length=255)]


class CallCharged(_Data):
    """The user was charged `amount` USD; `fee` is what the processor actually kept."""

    amount: Number
    fee: Number | None = None
    processor: Text = "stripe"


class CallRefunded(_Data):
    """`amount` USD were refunded to the user; the processor keeps its fee."""

    amount: Number


class CallEnded(_Data):
    """The call is over."""

    status: EndStatus
    duration_seconds: Number


class _CreditData(Struct, gc=False, kw_only=True, rename=wire_name, omit_defaults=True):
    """An event of a user's prepaid credit, which belongs to no call."""

    call_id: ClassVar[str] = ""
    tags: ClassVar[None] = None
    user_id: Text


GRANT_PRIORITY: Final = 100
GRANT_PRIORITY_MAX: Final = 1_000
NOTE_LENGTH_MAX: Final = 255


class CreditGranted(_CreditData):
    """The user may be charged up to `amount` USD from this grant, from `time` to `expires_at`.

    Charges draw from the valid grant with the lowest `priority` first, and at the same priority
    from the one that expires first. Both ends are rounded outwards to quarters of an hour.
    """

    amount: Number
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Annotated[int, Meta(ge=0, le=GRANT_PRIORITY_MAX)] = GRANT_PRIORITY
    note: Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)] | None = None


class CreditVoided(_CreditData):
    """A grant was wrong: it counts as if it had never been given."""

    voids: EventReference
    reason: Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)]


LEDGER_SOURCE: Final = "ledger"
"""The source of the events that the ledger itself records about a call."""

RERATE_SOURCE: Final = "/cost-analytics/rerate"
"""The source of the costs and voids that correct recorded costs after a price change."""

TRACES_SOURCE: Final = "/v1/traces/"
"""The beginning of the sources of costs that spans of OpenTelemetry report."""

SPANS_SOURCE: Final = "/cost-analytics/spans"
"""The source of the voids of span costs that another span or an emitter reports, too."""

TRACE_TAG: Final = "trace_id"
"""The tag by which an attachment to a framework declares that it reports the usage of a trace."""

RESERVED_SOURCES: Final = frozenset({LEDGER_SOURCE, RERATE_SOURCE, SPANS_SOURCE})
"""Emitters may not use these sources: they belong to the ledger's own events."""

CallEventData = (
    CallStarted | CallUpdated | CostRecorded | CostVoided | CallCharged | CallRefunded | CallEnded
)
CreditEventData = CreditGranted | CreditVoided
EventData = CallEventData | CreditEventData

CALL_DATA_TYPES: Final[dict[str, type[CallEventData]]] = {
    "call.started": CallStarted,
    "call.updated": CallUpdated,
    "cost.recorded": CostRecorded,
    "cost.voided": CostVoided,
    "call.charged": CallCharged,
    "call.refunded": CallRefunded,
    "call.ended": CallEnded,
}
CREDIT_DATA_TYPES: Final[dict[str, type[CreditEventData]]] = {
    "credit.granted": CreditGranted,
    "credit.voided": CreditVoided,
}
DATA_TYPES: Final[dict[str, type[EventData]]] = {**CALL_DATA_TYPES, **CREDIT_DATA_TYPES}
"""CloudEvents `type` to the type of its `data`."""


class Event(Struct, gc=False):
    """A decoded, validated event.

    `identity` is 32 hexadecimal digits for (source, id). `fingerprint` is a signed 64-bit digest of
    the content, which distinguishes a repeat from a conflict. `time` is in UTC.
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
        """The call of the event; empty for an event of prepaid credit."""
        return self.data.call_id

    @property
    def user_id(self) -> str | None:
        """The owner of the call, if the event contains it."""
        return self.data.user_id
