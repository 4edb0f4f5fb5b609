"""Reads the spend of the scoped budgets that apply to a call, before it may spend more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from ledger.budgets.alert_rows import read_spend
from ledger.budgets.limits import Limit, Limits
from ledger.budgets.positions import PeriodChange
from ledger.budgets.scoped import SpendScope, StoredBudget
from ledger.budgets.windows import SpendWindow
from ledger.calls.periods import period_of
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis


class ScopedUse(NamedTuple):
    """A limit of a period that applies to a call, and its spend in nano-dollars."""

    limit: Limit
    scope: SpendScope
    spend_nano: int


def selects_calls(limits: Limits) -> bool:
    """Return whether a budget of the user depends on the persona or the tags of a call."""
    return any(budget.scope.selects_calls for budget in limits.budgets)


def limits_of_call(
    limits: Limits, persona_id: str | None, tags: Mapping[str, str], now: datetime
) -> list[tuple[Limit, StoredBudget]]:
    """Return the limits of scoped budgets that apply to a call with a persona and tags."""
    return [
        (limit, limit.budget)
        for limit in limits.scoped_budget_limits(now)
        if limit.budget is not None and limit.budget.scope.matches(persona_id, tags)
    ]


async def read_scoped_use(
    connection: Connection,
    limits: Limits,
    applying: list[tuple[Limit, StoredBudget]],
    basis: SpendBasis,
    now: datetime,
) -> list[ScopedUse]:
    """Return the spend of limits of periods in their present period."""
    of_periods: list[tuple[Limit, SpendScope]] = []
    windows: list[SpendWindow] = []
    for limit, budget in applying:
        if limit.type != "call":
            period = period_of(limit.type, now, limits.timezone)
            of_periods.append((limit, budget.scope))
            windows.append(PeriodChange(limits.user_id, limit, period, 0).window())
    spent = await read_spend(connection, windows, basis)
    return [ScopedUse(*each, nano) for each, nano in zip(of_periods, spent, strict=True)]
