"""Bodies of paged lists: a user's calls and a call's events."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

from msgspec import Raw, field

from schemas.bodies import Body
from schemas.charge_plans import CallChargePlan
from schemas.costs import EndedByLimit, RoundingCost
from schemas.events import CallStatus, EventReference
from schemas.exact import Exact
from schemas.money import Usd

CALL_STATUSES: Final[tuple[CallStatus, ...]] = get_args(CallStatus)

ListedType = Literal[
    "call.started",
    "call.updated",
    "cost.recorded",
    "cost.voided",
    "call.charged",
    "call.refunded",
    "call.ended",
    "call.settled",
]
"""The event types, and `call.settled`, which the ledger itself records."""


class CallSummary(Body):
    """One call of a list. `created_at` is the time of its first event.

    `cost_by_service` sums to `total_cost`, exactly. `calculated_at` is when the totals last
    changed. `unpriced_events` are counted at a cost of 0, or at an estimate, until they have a
    price. `charge_plan` and `ended_by_limit` are those of `CallCost`.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
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
    unpriced_events: int = 0
    charge_plan: CallChargePlan | None = None
    ended_by_limit: EndedByLimit | None = None


class CallPage(Body):
    """A page of a user's calls in the requested order; `next_cursor` is null on the last page."""

    user_id: str
    calls: list[CallSummary]
    next_cursor: str | None


class SettlementData(Body, omit_defaults=True):
    """The `data` of a `call.settled`, in US dollars: infrastructure, roundings, charge, plan."""

    infrastructure: dict[str, Usd]
    default_charge: Usd
    default_fee: Usd
    charge_plan: CallChargePlan | None = None
    roundings: list[RoundingCost] = field(default_factory=list)


class ListedQuantity(Body):
    """One quantity of a request; `price_id` is the catalogue row of its price.

    Cost and price are null if the emitter priced the whole request, or if a quantity has no price
    yet.
    """

    unit: str
    quantity: Exact
    total_cost: Usd | None
    price_id: int | None


class ListedEvent(Body):
    """An event of a call and its effect on the cost.

    `unit_cost` is the emitter's own price in US dollars. `amount` is what the user was charged
    (`call.charged`, `call.settled`) or refunded (`call.refunded`). Voided costs are listed, too.
    A request with several quantities has them in `usages`, and null in `usage` and `unit`.
    `tags` are those that the event sets, whether they count or not. `data` is the metadata of a
    cost, or the `data` of any other type. `unpriced` events have no price yet and count at a cost
    of 0, or at an estimate. `list_cost` is what a cost with the vendor's own price would be at the
    catalogue's prices of its time.
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
    tags: dict[str, str]
    data: Raw
    usages: list[ListedQuantity]
    unpriced: bool = False
    leg_id: str | None = None
    list_cost: Usd | None = None


class EventPage(Body):
    """A page of a call's events by time; `next_cursor` is null on the last page.

    `archived_events` counts the call's events in the archive, which are not listed.
    """

    call_id: str
    events: list[ListedEvent]
    next_cursor: str | None
    archived_events: int = 0
