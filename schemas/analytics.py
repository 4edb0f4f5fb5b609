"""The body about everyone: what all users' calls cost and earned in a period."""

from __future__ import annotations

from msgspec import field

from schemas.bodies import Body
from schemas.costs import DayCost, Period
from schemas.exact import Exact
from schemas.money import Usd


class CostBreakdown(Body):
    """All cost by class."""

    api: Usd
    infrastructure: Usd
    transaction: Usd


class InsightsBody(Body):
    """The service that costs most, null where nothing costs anything, and what figures say."""

    largest_cost_component: str | None
    largest_cost_component_percent: str = field(name="largestCostComponentPercent")
    recommendations: list[str]


class Analytics(Body):
    """All users. `total_users` had a call by the end of the period, `new_users` their first in it.

    `total_revenue` is what was charged, `total_profit` what is left of it after refunds and cost.
    """

    period: Period
    total_users: int
    active_users: int
    new_users: int
    total_calls: int
    total_duration_seconds: Exact
    average_duration_seconds: Exact
    average_calls_per_user: Exact
    total_revenue: Usd
    total_refunded: Usd
    total_cost: Usd
    total_profit: Usd
    profit_margin_percent: str = field(name="profitMarginPercent")
    cost_breakdown: CostBreakdown
    cost_by_service: dict[str, Usd]
    insights: InsightsBody
    daily: list[DayCost]
