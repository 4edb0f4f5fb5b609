"""Bodies of the price catalogue: what is in it, what waits for approval, and entering a price."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

PRICE_USD_MAX: Final = 1_000_000
PER_UNITS_MAX: Final = 10**12


class PriceItem(Struct, kw_only=True, rename=wire_name):
    """A row of the catalogue: `price_usd` for `perUnits` of `unit`, from `effectiveFrom` on.

    A model of `*` is any, an empty one none named. `stale`: unverified for 90 days.
    """

    id: int
    service: str
    service_class: str
    operation: str
    model: str
    unit: str
    price_usd: Exact
    per_units: int
    effective_from: datetime
    state: Literal["in force", "future", "past"]
    stale: bool
    verified_at: datetime
    source: str
    set_by: str
    created_at: datetime


class PriceProposal(Struct, kw_only=True, rename=wire_name):
    """A price that differs so much from the one in force that it waits for approval.

    `change_percent` is null where the price in force is 0. `priceId` is the row of the catalogue
    that an approved one became.
    """

    id: int
    service: str
    service_class: str
    operation: str
    model: str
    unit: str
    price_usd: Exact
    per_units: int
    effective_from: datetime
    in_force_price_usd: Exact
    in_force_per_units: int
    change_percent: Exact | None
    state: Literal["pending", "approved", "rejected", "replaced"]
    source: str
    set_by: str
    proposed_at: datetime
    decided_by: str | None
    price_id: int | None


class PriceList(Struct, kw_only=True, rename=wire_name):
    """The catalogue, and what waits beside it."""

    prices: list[PriceItem]
    pending: list[PriceProposal]


class PriceEntry(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A price to enter. Without `effectiveFrom` it is in force from now on.

    `approve` lets a large change through that would otherwise wait.
    """

    service: str
    operation: str
    unit: str
    price_usd: Number
    service_class: str = "api"
    model: str | None = None
    per_units: Annotated[int, Meta(ge=1, le=PER_UNITS_MAX)] = 1
    effective_from: datetime | None = None
    source: str | None = None
    approve: bool = False


class PriceEntered(Struct, kw_only=True, rename=wire_name):
    """What became of a price: `known` was in the catalogue already and counts as verified.

    `proposal` is set where it waits.
    """

    result: Literal["entered", "known", "pending"]
    proposal: PriceProposal | None


class RerateSum(Struct, kw_only=True, rename=wire_name):
    """Costs that other prices would change: their sum as recorded, and as it would be."""

    costs: int
    cost_before: Usd
    cost_after: Usd
    difference: Usd


class RerateGroup(RerateSum, kw_only=True, rename=wire_name):
    """The same of one service, or of one UTC day."""

    name: str


class RerateUser(RerateSum, kw_only=True, rename=wire_name):
    """The same of one user, with all that the user's calls cost and earned on the days asked for.

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
    """An alert that would be due; a late one is recorded, and nobody is told."""

    user_id: str
    type: Literal["daily", "monthly", "call"]
    period: str
    threshold_percent: Exact
    limit_usd: Usd
    spend_before: Usd
    spend_after: Usd
    late: bool


class RerateReport(Struct, kw_only=True, rename=wire_name):
    """What late prices change from `from` to before `to`, or changed where `dryRun` is false.

    Sums over all users; of users and alerts the largest and the first, and how many there are.
    `complete` is false where an application stopped at its limit: the same again goes on.
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
    alerts: int
    first_alerts: list[RerateAlert]
