"""Bodies of costs: one call in detail, and a user's spending in a period.

Field names become camelCase and keep their unit (`schemas.jsonio`). Money is US dollars.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from msgspec import Raw, field

from schemas.bodies import Body
from schemas.charge_plans import CallChargePlan
from schemas.events import CallStatus
from schemas.exact import Exact
from schemas.money import Usd

API_SERVICES: Final = ("twilio", "deepgram", "cerebras", "elevenlabs")
INFRASTRUCTURE_SERVICES: Final = ("raindrop", "vultr", "vercel")
TRANSACTION_SERVICES: Final = ("stripe",)
USUAL_SERVICES: Final = (*API_SERVICES, *INFRASTRUCTURE_SERVICES, *TRANSACTION_SERVICES)
"""The services that a body always contains, even at zero, so that clients need no check."""

UNKNOWN_PERSONA: Final = "unknown"
"""The persona of calls without one, in bodies."""


class QuantityCost(Body):
    """One quantity of a request; `unit_cost` is US dollars per `unit`, rounded to 12 decimals.

    The costs are null if the emitter priced the whole request, or if a quantity has no price yet.
    """

    unit: str
    quantity: Exact
    unit_cost: Exact | None
    total_cost: Usd | None


class CostLine(Body):
    """One recorded usage; `unit_cost` is US dollars per `unit`, rounded to 12 decimals.

    A request with several quantities has them in `usages`, and null in `usage`, `unit` and
    `unit_cost`; `total_cost` is their sum. An `unpriced` usage has no price yet: its cost is 0, or
    an estimate.
    """

    service: str
    operation: str
    usage: Exact | None
    unit: str | None
    unit_cost: Exact | None
    total_cost: Usd
    metadata: Raw
    usages: list[QuantityCost]
    unpriced: bool = False
    leg_id: str | None = None


class RoundingCost(Body):
    """The rounding of a leg of a call, which counts when the call ends.

    `billed_seconds` is the rounded duration of the leg, `total_cost` what it costs more than the
    usages of the leg; it may be negative.
    """

    service: str
    operation: str
    model: str | None
    leg_id: str | None
    billed_seconds: Exact
    total_cost: Usd


class InfrastructureCost(Body):
    """The cost of one infrastructure service for the call."""

    cost_per_call: Usd


class TransactionCost(Body):
    """The fees of one payment processor for the call's charges."""

    total_fee: Usd


class EndedByLimit(Body):
    """The limit that ended a call, and when the receiver of the command to end it accepted it.

    `budget_id` is that of a scoped budget, null for the limit of a call in the user's settings.
    """

    limit_usd: Usd
    budget_id: str | None
    limit_version: int
    executed_at: datetime


class CallCost(Body):
    """Cost and revenue of one call. `cost_by_service` sums to `total_cost`, exactly.

    `net_revenue` is charges minus refunds and transaction cost, `gross_profit` is charges minus
    refunds and total cost, `gross_margin` is gross profit ÷ charges. `estimated` means that a cost
    is an estimate until its final event arrives. `calculated_at` is when the totals last changed.
    `archived_events` counts the call's events in the archive: the totals contain them, `api_costs`
    does not list them. If `api_costs` lists only the earliest costs, `unlisted_costs` counts the
    others; the call's events have all of them. `unpriced_events` are counted at a cost of 0, or at
    an estimate, until they have a price. `charge_plan` is null if an event charged the call, if it
    is not charged, or if it was charged before there were any plans. `roundings` of legs are in the
    totals, too. `ended_by_limit` is null unless a limit ended the call; until its vendor reports
    the end, its status is still `active`.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: CallStatus
    duration_seconds: Exact
    api_costs: dict[str, list[CostLine]]
    infrastructure_costs: dict[str, InfrastructureCost]
    transaction_costs: dict[str, TransactionCost]
    total_api_cost: Usd
    total_infrastructure_cost: Usd
    total_transaction_cost: Usd
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    charged_to_user: Usd
    refunded: Usd
    net_revenue: Usd
    gross_profit: Usd
    gross_margin: Exact
    gross_margin_percent: str = field(name="grossMarginPercent")
    estimated: bool
    created_at: datetime
    calculated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    archived_events: int = 0
    unlisted_costs: int = 0
    unpriced_events: int = 0
    charge_plan: CallChargePlan | None = None
    roundings: list[RoundingCost] = field(default_factory=list)
    ended_by_limit: EndedByLimit | None = None


class Period(Body):
    """A range of whole UTC days, both ends included."""

    start: datetime
    end: datetime
    label: str


class PersonaCost(Body):
    """The cost of the calls with one persona."""

    persona_id: str
    calls: int
    total_cost: Usd


class DayCost(Body, kw_only=True, omit_defaults=True):
    """One UTC day of a period; `cost_by_service` contains the services with a cost on that day.

    `gross_profit` is null if a filter narrows costs to some services or models. `cost_by_group`
    is only present with `groupBy`, and has the listed groups.
    """

    date: date
    calls: int
    total_cost: Usd
    charged_to_user: Usd
    gross_profit: Usd | None
    cost_by_service: dict[str, Usd]
    cost_by_group: dict[str, Usd] | None = None


class SpendingDay(DayCost, kw_only=True, omit_defaults=True):
    """One UTC day of a user's spending; `cost_by_persona` has the `topPersonas` only."""

    cost_by_persona: dict[str, Usd]


class PreviousSpending(Body):
    """The totals of a comparable earlier period, from `start` until `end` (exclusive)."""

    start: datetime
    end: datetime
    total_calls: int
    total_cost: Usd
    total_charged: Usd
    total_refunded: Usd
    total_gross_profit: Usd
    average_margin_percent: str = field(name="averageMarginPercent")


class GroupSums(Body):
    """The sums of a group. `cost_percent` is its share of the cost of all groups.

    Groups by service or model have costs only, because a charge belongs to a call: their other
    fields are null. Profit and margin are also null if a filter narrows costs to some services or
    models.
    """

    total_cost: Usd
    cost_percent: str = field(name="costPercent")
    total_calls: int | None
    total_duration_seconds: Exact | None
    total_charged: Usd | None
    total_refunded: Usd | None
    total_gross_profit: Usd | None
    average_margin_percent: str | None = field(name="averageMarginPercent")


class CostGroup(GroupSums):
    """The calls with one value of a tag or one persona, or the costs of a service or model."""

    value: str


class OtherGroups(GroupSums):
    """The sums of `number` groups that are not listed."""

    number: int


class CostGroups(Body):
    """The groups of a report; together with `others` and `without` they are its totals.

    `by` is `persona`, `service`, `model` or `tag:` and a key. `groups` has those with the highest
    costs. `without` are the calls without the tag or a persona, or the costs without a model.
    """

    by: str
    groups: list[CostGroup]
    others: OtherGroups
    without: GroupSums


class Spending(Body, omit_defaults=True):
    """Cost and revenue of a user's calls in a period, in total and by day.

    Profit, margin and net revenue are null if a filter narrows costs to some services or models,
    because charges belong to whole calls. `groups` is only present with `groupBy`, `previous` with
    `compare=true`. `unpriced_events` of the period are counted at a cost of 0, or at an estimate,
    until they have a price.
    """

    user_id: str
    period: Period
    total_calls: int
    total_duration_seconds: Exact
    average_duration_seconds: Exact
    total_cost: Usd
    total_api_cost: Usd
    total_infrastructure_cost: Usd
    total_transaction_cost: Usd
    average_cost_per_call: Usd
    total_charged: Usd
    total_refunded: Usd
    total_net_revenue: Usd | None
    total_gross_profit: Usd | None
    average_margin_percent: str | None = field(name="averageMarginPercent")
    cost_by_service: dict[str, Usd]
    top_personas: list[PersonaCost]
    daily: list[SpendingDay]
    unpriced_events: int
    previous: PreviousSpending | None = None
    groups: CostGroups | None = None
