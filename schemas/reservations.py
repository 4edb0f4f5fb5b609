"""Bodies of reservations: upper bounds of costs that a call is about to cause."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.budgets import BudgetName
from schemas.events import PriceContext, Text
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number
from schemas.usages import Usages

COSTS_MAX: Final = 20
RESERVED_SECONDS: Final = 120
"""How long a reservation lasts by default."""
RESERVED_SECONDS_MAX: Final = 3_600


class PlannedCost(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A cost that the event (`source`, `id`) will report, with its upper bound.

    The bound is `amount` in USD, or the catalogue's price of `usages` for `service`, `operation`,
    `model` and `price_context`. An `amount` of 0 ends a reservation. Global
    budgets of a service apply if `service` is given.
    """

    source: Text
    id: Text
    amount: Number | UnsetType = UNSET
    service: Text | UnsetType = UNSET
    operation: Text | UnsetType = UNSET
    model: Text | UnsetType = UNSET
    usages: Usages | UnsetType = UNSET
    price_context: PriceContext | UnsetType = UNSET


class ReservationRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """Costs that a call of a user is about to cause, allowed all or none."""

    user_id: Text
    costs: Annotated[list[PlannedCost], Meta(min_length=1, max_length=COSTS_MAX)]
    lasts_seconds: Number | UnsetType = UNSET


class ReservedCost(Struct, kw_only=True, rename=wire_name):
    """A cost with its upper bound in USD."""

    source: str
    id: str
    amount: Usd


class CheaperModel(Struct, kw_only=True, rename=wire_name):
    """A cheaper model for the usage of the cost with `id`, and what it would cost in USD."""

    id: str
    model: str
    amount: Usd


class Reservation(Struct, kw_only=True, rename=wire_name):
    """Whether a call may cause costs. Money is US dollars.

    `budget` is the budget that refuses, null if the costs are granted; `budget_id` is its id if it
    is a scoped budget. `remaining` is what that budget has left; for granted costs, what the
    tightest budget of the user has left after them; null without limits, and for `global`, a limit
    of all users whose figures are not disclosed. The costs are reserved until they are recorded,
    until `reserved_until`, or until the call ends. `cheaper` names a cheaper model if a budget has
    reached its alert threshold.
    """

    granted: bool
    call_id: str
    user_id: str
    budget: BudgetName | None
    reason: str
    remaining: Usd | None
    costs: list[ReservedCost]
    reserved_until: datetime | None
    cheaper: CheaperModel | None
    budget_id: str | None
