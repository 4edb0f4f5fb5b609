"""Bodies that list things page by page: a user's calls, and what happened to one call."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

from msgspec import Raw, field

from schemas.bodies import Body
from schemas.events import CallStatus, EventReference
from schemas.exact import Exact
from schemas.money import Usd

CALL_STATUSES: Final[tuple[CallStatus, ...]] = get_args(CallStatus)

ListedType = Literal[
    "call.started",
    "cost.recorded",
    "cost.voided",
    "call.charged",
    "call.refunded",
    "call.ended",
    "call.settled",
]
"""The types of events, and what the ledger itself decided about the call."""


class CallSummary(Body):
    """One call of a list. `created_at` is the time of its first event, by which lists are sorted.

    `cost_by_service` sums to `total_cost`, exactly. `calculated_at` is when totals last changed.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    status: CallStatus
    duration_seconds: Exact
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    charged_to_user: Usd
    refunded: Usd
    gross_profit: Usd
    gross_margin_percent: str = field(name="grossMarginPercent")
    estimated: bool
    created_at: datetime
    calculated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class CallPage(Body):
    """Some of a user's calls, newest first; `next_cursor` asks for those after them, if any."""

    user_id: str
    calls: list[CallSummary]
    next_cursor: str | None


class Settled(Body):
    """The `data` of a `call.settled`: what was decided about a call, in US dollars."""

    infrastructure: dict[str, Usd]
    default_charge: Usd
    default_fee: Usd


class ListedEvent(Body):
    """Something that happened to the cost of a call, and by how much it moved it.

    `unit_cost` is what the emitter gave, in US dollars. `amount` is what the user was charged
    (`call.charged`, `call.settled`) or given back (`call.refunded`). A voided cost is still listed.
    `data` is a cost's metadata, or the data of any other type.
    """

    source: str
    id: str
    type: ListedType
    time: datetime
    recorded_at: datetime
    service: str | None
    operation: str | None
    model: str | None
    usage: Exact | None
    unit: str | None
    unit_cost: Exact | None
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    amount: Usd
    estimated: bool
    voided: bool
    voids: EventReference | None
    data: Raw


class EventPage(Body):
    """Some of a call's events in order of time; `next_cursor` asks for those after them, if any.

    `archived_events` is how many more the call has in the archive, which are not listed.
    """

    call_id: str
    events: list[ListedEvent]
    next_cursor: str | None
    archived_events: int = 0
