"""Bodies that say what calls cost: one call in detail, and a user's spending over a period.

Field names become camelCase and keep their unit (`schemas.jsonio`). Money is US dollars.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from msgspec import Raw, field

from schemas.bodies import Body
from schemas.events import CallStatus
from schemas.exact import Exact
from schemas.money import Usd

API_SERVICES: Final = ("twilio", "deepgram", "cerebras", "elevenlabs")
INFRASTRUCTURE_SERVICES: Final = ("raindrop", "vultr", "vercel")
TRANSACTION_SERVICES: Final = ("stripe",)
USUAL_SERVICES: Final = (*API_SERVICES, *INFRASTRUCTURE_SERVICES, *TRANSACTION_SERVICES)
"""The services that a body always names, so that a client need not ask whether they are there."""

UNKNOWN_PERSONA: Final = "unknown"
"""What a body calls the persona of calls for which nobody named one."""


class CostLine(Body):
    """One recorded usage; `unit_cost` is US dollars per `unit`, rounded to 12 decimals."""

    service: str
    operation: str
    usage: Exact
    unit: str
    unit_cost: Exact
    total_cost: Usd
    metadata: Raw


class InfrastructureCost(Body):
    """What one infrastructure service costs the call."""

    cost_per_call: Usd


class TransactionCost(Body):
    """What one payment processor keeps of the call's charges."""

    total_fee: Usd


class CallCost(Body):
    """What one call costs and earns. `cost_by_service` sums to `total_cost`, exactly.

    `net_revenue` and `gross_profit` are what was charged, less refunds and less the transaction
    cost or the total cost; `gross_margin` is gross profit ÷ charged. `estimated` says that some
    cost is a guess still to be replaced. `calculated_at` is when the totals last changed.
    `archived_events` is how many of the call's events are in the archive: the totals contain them,
    `api_costs` does not list them.
    """

    call_id: str
    user_id: str
    persona_id: str | None
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


class Period(Body):
    """A span of whole UTC days; both ends are part of it."""

    start: datetime
    end: datetime
    label: str


class PersonaCost(Body):
    """What the calls with one persona cost."""

    persona_id: str
    calls: int
    total_cost: Usd


class DayCost(Body):
    """One UTC day of a period; `cost_by_service` holds the services that cost anything on it."""

    date: date
    calls: int
    total_cost: Usd
    charged_to_user: Usd
    gross_profit: Usd
    cost_by_service: dict[str, Usd]


class Spending(Body):
    """What a user's calls cost and earned in a period, in all and on each of its days."""

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
    total_net_revenue: Usd
    total_gross_profit: Usd
    average_margin_percent: str = field(name="averageMarginPercent")
    cost_by_service: dict[str, Usd]
    top_personas: list[PersonaCost]
    daily: list[DayCost]
