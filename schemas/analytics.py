"""Bodies about all users, for administrators: analytics, rankings, and found users."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import field

from schemas.bodies import Body
from schemas.costs import CostGroups, DayCost, Period
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


class Analytics(Body, omit_defaults=True):
    """Totals of all users.

    Filters do not apply to the numbers of users. Profit and margin are null if a filter narrows
    costs to some services or models. `groups` is only present with `groupBy`.

    `total_users` counts users with a call by the end of the period, `new_users` those whose first
    call is in it. `total_revenue` is the sum of charges, `total_profit` is `total_revenue` minus
    refunds and cost. `unpriced_events` are counted at a cost of 0, or at an estimate, until they
    have a price.
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
    total_profit: Usd | None
    profit_margin_percent: str | None = field(name="profitMarginPercent")
    cost_breakdown: CostBreakdown
    cost_by_service: dict[str, Usd]
    insights: InsightsBody
    daily: list[DayCost]
    unpriced_events: int
    groups: CostGroups | None = None


class TopEntry(Body):
    """A user, persona, service or day (`name`) with its totals in a period.

    `cost_percent` is its share of the cost of all entries. Services have a cost only; their other
    fields are null.
    """

    name: str
    total_cost: Usd
    cost_percent: str = field(name="costPercent")
    calls: int | None
    total_duration_seconds: Exact | None
    charged_to_user: Usd | None
    refunded: Usd | None
    gross_profit: Usd | None
    gross_margin_percent: str | None = field(name="grossMarginPercent")


class TopCosts(Body):
    """The first entries of a ranking; `total_entries` counts all, `total_cost` is their cost."""

    period: Period
    by: Literal["user", "persona", "service", "day"]
    sort: Literal["cost", "charged", "profit", "calls", "name"]
    order: Literal["desc", "asc"]
    total_entries: int
    total_cost: Usd
    entries: list[TopEntry]


class UserEntry(Body):
    """A user, and the UTC days of the first and the last call; null without calls."""

    user_id: str
    first_day: date | None
    last_day: date | None


class UserList(Body):
    """Users that match a search; `total_users` counts all matches."""

    total_users: int
    users: list[UserEntry]
