"""Body of the analytics: cost and revenue of all users' calls in a period."""

from __future__ import annotations

from msgspec import field

from schemas.bodies import Body
from schemas.costs import DayCost, Period
from schemas.exact import Exact
from schemas.money import Usd


class CostBreakdown(Body):
    """The total cost, divided by service class."""

    api: Usd
    infrastructure: Usd
    transaction: Usd


class InsightsBody(Body):
    """The service with the highest cost (null without costs), and recommendations."""

    largest_cost_component: str | None
    largest_cost_component_percent: str = field(name="largestCostComponentPercent")
    recommendations: list[str]


class Analytics(Body):
    """Totals of all users.

    `total_users` counts users with a call by the end of the period, `new_users` those whose first
    call is in it. `total_revenue` is the sum of charges, `total_profit` is `total_revenue` minus
    refunds and cost.
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
