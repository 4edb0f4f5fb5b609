"""Bodies of the price catalogue: its prices, pending proposals, and new prices."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from schemas.alerts import AlertType
from schemas.events import Direction
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

PRICE_USD_MAX: Final = 1_000_000
PER_UNITS_MAX: Final = 10**12
INCREMENT_SECONDS_MAX: Final = 3_600
"""Larger billing increments are mistakes: vendors bill by the minute at most."""


class PriceConditions(
    Struct, kw_only=True, rename=wire_name, omit_defaults=True, forbid_unknown_fields=True
):
    """The usage that a price is for; a field that is missing does not restrict it.

    Only `tier` is also compared if it is missing: such a price is for the standard tier.
    `destination` is a number's prefix (`+44`) or a country (`GB`), `hours` a part of the day
    (`22:00-06:00`, UTC, or `22:00-06:00@Europe/London`).
    """

    tier: str | None = None
    input_size_above: Annotated[int, Meta(ge=0)] | None = None
    direction: Direction | None = None
    destination: str | None = None
    voice_class: str | None = None
    hours: str | None = None


class PriceItem(Struct, kw_only=True, rename=wire_name):
    """A price in the catalogue: `price_usd` for `per_units` of `unit`, from `effective_from` on.

    The model `*` matches any model, an empty one only usage without a model. `stale` means that the
    price may be outdated: it was not verified for 90 days (`not_verified`), or `source_date` is
    more than 180 days ago (`old_source`). `conditions` is null for a price without any.
    `source_date` is the day on which the price was published or read at `source_url`.
    `minimum_seconds` and `increment_seconds` are the billing increments of a leg, 0 if none.
    `retires_on` is the day on which the vendor retires the model, `is_deprecated` whether it
    advises against it.
    """

    id: int
    service: str
    service_class: str
    operation: str
    model: str
    unit: str
    conditions: PriceConditions | None
    price_usd: Exact
    per_units: int
    minimum_seconds: int
    increment_seconds: int
    effective_from: datetime
    state: Literal["in force", "future", "past"]
    stale: bool
    stale_reason: Literal["not_verified", "old_source"] | None
    verified_at: datetime
    source: str
    source_url: str | None
    source_date: date | None
    set_by: str
    created_at: datetime
    retires_on: date | None
    is_deprecated: bool


class PriceProposal(Struct, kw_only=True, rename=wire_name):
    """A price that needs approval, because it differs strongly from the one in force.

    `change_percent` is null if the price in force is 0. `price_id` is the catalogue entry of an
    approved proposal.
    """

    id: int
    service: str
    service_class: str
    operation: str
    model: str
    unit: str
    conditions: PriceConditions | None
    price_usd: Exact
    per_units: int
    minimum_seconds: int
    increment_seconds: int
    effective_from: datetime
    in_force_price_usd: Exact
    in_force_per_units: int
    in_force_minimum_seconds: int
    in_force_increment_seconds: int
    change_percent: Exact | None
    state: Literal["pending", "approved", "rejected", "replaced"]
    source: str
    set_by: str
    proposed_at: datetime
    decided_by: str | None
    price_id: int | None


class PriceSource(Struct, kw_only=True, rename=wire_name):
    """A source of prices: when it was last tried and last read, null if not in 30 days.

    `error` is a sentence if the last try failed. `stale` means that it was not read for 2 days.
    """

    name: str
    tried_at: datetime
    read_at: datetime | None
    error: str | None
    stale: bool


class PriceList(Struct, kw_only=True, rename=wire_name):
    """The prices in the catalogue, the pending proposals, and the sources that are refreshed."""

    prices: list[PriceItem]
    pending: list[PriceProposal]
    sources: list[PriceSource]


class PriceEntry(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A new price. Without `effective_from` it takes effect immediately.

    `approve` accepts a large change that would otherwise need approval. Only a price of a time unit
    has `minimum_seconds` and `increment_seconds`.
    """

    service: str
    operation: str
    unit: str
    price_usd: Number
    service_class: str = "api"
    model: str | None = None
    conditions: PriceConditions | None = None
    per_units: Annotated[int, Meta(ge=1, le=PER_UNITS_MAX)] = 1
    minimum_seconds: Annotated[int, Meta(ge=0, le=INCREMENT_SECONDS_MAX)] = 0
    increment_seconds: Annotated[int, Meta(ge=0, le=INCREMENT_SECONDS_MAX)] = 0
    effective_from: datetime | None = None
    source: str | None = None
    source_url: str | None = None
    source_date: date | None = None
    retires_on: date | None = None
    is_deprecated: bool | None = None
    approve: bool = False


class PriceEntered(Struct, kw_only=True, rename=wire_name):
    """The result of a new price: `known` if it was in the catalogue already and is now verified.

    `proposal` is set if the price needs approval.
    """

    result: Literal["entered", "known", "pending"]
    proposal: PriceProposal | None


class ModelAlias(Struct, kw_only=True, rename=wire_name):
    """Another name of a model of a service.

    It is in force from `effective_from` until `until` (exclusive). Usage of the name has the prices
    of the model. `until` is null without end. `model` is null if the name is not an alias any more.
    """

    service: str
    alias: str
    model: str | None
    effective_from: datetime
    until: datetime | None
    source: str
    set_by: str
    created_at: datetime


class ModelAliasList(Struct, kw_only=True, rename=wire_name):
    """The aliases of models, by service and name, the oldest of a name first."""

    aliases: list[ModelAlias]


class ModelAliasEntry(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A new alias; without `effective_from` it is in force now, without `model` it ends."""

    service: str
    alias: str
    model: str | None = None
    effective_from: datetime | None = None
    source: str | None = None


class ModelAliasEntered(Struct, kw_only=True, rename=wire_name):
    """The result of a new alias: `entered`, or `known` if it was in force already."""

    result: Literal["entered", "known"]


class RerateSum(Struct, kw_only=True, rename=wire_name):
    """Costs that a price change affects: their sum as recorded and as it would be."""

    costs: int
    cost_before: Usd
    cost_after: Usd
    difference: Usd


class RerateGroup(RerateSum, kw_only=True, rename=wire_name):
    """The affected costs of one service or one UTC day."""

    name: str


class RerateUser(RerateSum, kw_only=True, rename=wire_name):
    """The affected costs of one user, with the user's total cost and revenue on these days.

    A margin is (charged - refunded - cost) / charged.
    """

    user_id: str
    total_cost_before: Usd
    total_cost_after: Usd
    charged: Usd
    refunded: Usd
    margin_percent_before: str
    margin_percent_after: str


class RerateAlert(Struct, kw_only=True, rename=wire_name):
    """An alert that the new costs would raise; a late alert is recorded but not sent."""

    user_id: str
    type: AlertType
    period: str
    threshold_percent: Exact
    limit_usd: Usd
    spend_before: Usd
    spend_after: Usd
    late: bool


class RerateCharge(Struct, kw_only=True, rename=wire_name):
    """A call whose charge follows its corrected costs."""

    user_id: str
    call_id: str
    charged_before: Usd
    charged_after: Usd


class RerateCharges(Struct, kw_only=True, rename=wire_name):
    """The charges that follow the corrected costs: number of calls, their sums, and some calls."""

    calls: int
    charged_before: Usd
    charged_after: Usd
    difference: Usd
    first_calls: list[RerateCharge]


class RerateReport(Struct, kw_only=True, rename=wire_name):
    """The effect of a price change on the time from `from` until `to` (exclusive).

    It is a preview if `dry_run` is true, otherwise the corrections are recorded. Sums are of all
    users. `top_users` are the most affected ones and `first_alerts` the earliest; `users` and
    `alerts` count all. `complete` is false if the run stopped at its limit: repeat the request to
    continue.
    """

    dry_run: bool
    from_: datetime
    to: datetime
    applied: int
    complete: bool
    total: RerateSum
    total_cost_before: Usd
    total_cost_after: Usd
    margin_percent_before: str
    margin_percent_after: str
    by_service: list[RerateGroup]
    by_day: list[RerateGroup]
    users: int
    top_users: list[RerateUser]
    charges: RerateCharges
    alerts: int
    first_alerts: list[RerateAlert]
