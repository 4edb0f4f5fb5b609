"""Bodies of scoped budgets: of a user, a persona or a tag; for administrators, of all users."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from schemas.alerts import BudgetScope, ListedAlert, SpendBasis
from schemas.call_steps import CallSteps, WantedCallSteps
from schemas.events import Text
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

BudgetPeriod = Literal["day", "week", "month", "call"]


class BudgetRaise(Struct, kw_only=True, rename=wire_name):
    """A limit that replaces the budget's own until a time."""

    limit_usd: Usd
    until: datetime


class ScopedBudget(Struct, kw_only=True, rename=wire_name):
    """A limit with its spend in the present period of the user's time zone, in US dollars.

    Periods of a global budget are in UTC. `basis` is what counts as spend; for a service, it is the
    cost. `limit_usd` is the limit without its `raise`, `current_limit_usd` the one that applies
    now. A limit per call has neither spend nor a period; the spend of a tag over all users is null
    while its calls are summed. `counts_from` is when the totals of a persona or a tag begin. Each
    `limit_version` can raise its alerts once.
    """

    budget_id: str
    scope: BudgetScope
    period: BudgetPeriod
    limit_usd: Usd
    current_limit_usd: Usd
    raise_: BudgetRaise | None
    thresholds: list[Exact]
    auto_cutoff: bool
    call_steps: CallSteps
    limit_version: int
    period_start: datetime | None
    period_end: datetime | None
    current_spend: Usd | None
    remaining: Usd | None
    counts_from: datetime
    created_at: datetime
    basis: SpendBasis


class ScopedBudgetList(Struct, kw_only=True, rename=wire_name):
    """The scoped budgets of a user, oldest first, and how many a user may have."""

    budgets: list[ScopedBudget]
    budgets_max: int
    budget_basis: SpendBasis


class GlobalBudgetList(ScopedBudgetList, kw_only=True, rename=wire_name):
    """The budgets of all users, oldest first, and the newest alerts about them."""

    alerts: list[ListedAlert]


class WantedScope(Struct, kw_only=True, frozen=True, rename=wire_name, forbid_unknown_fields=True):
    """What a budget applies to: the whole user, or calls with the persona or the tag `value`.

    Only a tag has a `key`.
    """

    kind: Literal["user", "persona", "tag"] = "user"
    key: Text | None = None
    value: Text | None = None


class WantedRaise(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A higher limit until a time in the future."""

    limit_usd: Number
    until: datetime


class WantedBudget(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The settings of a budget; without `thresholds`, those of the user's settings apply.

    With `auto_cutoff`, a call that reaches its limit is ended; `call_steps` are the steps before
    it.
    """

    scope: WantedScope = WantedScope()
    period: BudgetPeriod
    limit_usd: Number
    raise_: WantedRaise | UnsetType | None = UNSET
    thresholds: list[Number] | UnsetType = UNSET
    auto_cutoff: bool = True
    call_steps: WantedCallSteps = WantedCallSteps()


class WantedGlobalScope(
    Struct, kw_only=True, frozen=True, rename=wire_name, forbid_unknown_fields=True
):
    """What a global budget applies to: all users, a service, or the calls with a tag.

    `value` is the service or the tag's value. Only a tag has a `key`.
    """

    kind: Literal["all", "service", "tag"] = "all"
    key: Text | None = None
    value: Text | None = None


class WantedGlobalBudget(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The settings of a global budget; without `thresholds`, the default ones apply."""

    scope: WantedGlobalScope = WantedGlobalScope()
    period: Literal["day", "week", "month"]
    limit_usd: Number
    raise_: WantedRaise | UnsetType | None = UNSET
    thresholds: list[Number] | UnsetType = UNSET
