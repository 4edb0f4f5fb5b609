"""Bodies of charge plans: what users are charged for a call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from schemas.bodies import Body
from schemas.events import TAG_KEY
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

PlanKind = Literal["per_call", "per_minute", "cost_plus", "default", "ended"]

AMOUNT_USD_MAX: Final = 1_000_000
SECONDS_MAX: Final = 86_400
INCLUDED_MINUTES_MAX: Final = 525_600
MARKUP_PERCENT_MAX: Final = 10_000


class CallChargePlan(Body):
    """The plan by which a call was charged, and how.

    `plan_id` is null for the default price. `billed_seconds` is the duration with the minimum and
    the increment of a plan per minute, `cost_basis` the cost to which a plan adds its markup: of
    usage and infrastructure, at the prices when it was recorded.
    """

    plan_id: int | None
    kind: PlanKind
    description: str
    billed_seconds: Exact | None
    cost_basis: Usd | None


class ChargePlanItem(Body):
    """A charge plan, in force from `effective_from` until the next one of the same scope.

    Empty fields of the scope do not restrict it. `amount_usd` is per call, per minute, or on top of
    the cost and its markup.
    """

    id: int
    user_id: str
    persona_id: str
    tag_key: str
    tag_value: str
    effective_from: datetime
    kind: PlanKind
    amount_usd: Usd
    minimum_seconds: int
    increment_seconds: int
    included_minutes: int
    markup_percent: Exact
    description: str
    state: Literal["in force", "future", "past"]
    source: str
    set_by: str
    created_at: datetime


class ChargePlanList(Body):
    """The charge plans, by scope and time."""

    plans: list[ChargePlanItem]


class ChargePlanEntry(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A new charge plan for the calls of a user, a persona or a tag; without a scope for all calls.

    `per_call` and `per_minute` need `amount_usd`, `cost_plus` needs `markup_percent`. `default` is
    the default price, `ended` ends the plan of the scope. Without `effective_from` it takes effect
    immediately.
    """

    kind: PlanKind
    user_id: str = ""
    persona_id: str = ""
    tag_key: Annotated[str, Meta(pattern=f"^({TAG_KEY})?$")] = ""
    tag_value: str = ""
    effective_from: datetime | None = None
    amount_usd: Number | None = None
    minimum_seconds: Annotated[int, Meta(ge=0, le=SECONDS_MAX)] | None = None
    increment_seconds: Annotated[int, Meta(ge=0, le=SECONDS_MAX)] | None = None
    included_minutes: Annotated[int, Meta(ge=0, le=INCLUDED_MINUTES_MAX)] | None = None
    markup_percent: Number | None = None
    source: str | None = None


class ChargePlanEntered(Body):
    """The result of a new charge plan: `entered`, or `known` if it exists already."""

    result: Literal["entered", "known"]
