"""The positions of limits: what each limited period and call spent before and after a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.budgets.limits import Limit, Limits
from ledger.budgets.scope_moves import ScopeKey, ScopeMoves
from ledger.budgets.scoped import SpendScope
from ledger.budgets.thresholds import BudgetPosition, call_position, period_position
from ledger.budgets.windows import SpendWindow
from ledger.calls.call import Call
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.calls.spend import SpendKey, spend_of
from schemas.alerts import SpendBasis


class PeriodChange(NamedTuple):
    """The change of a limited period's spend, in nano-dollars."""

    user_id: str
    limit: Limit
    period: CalendarPeriod
    nano: int

    def window(self) -> SpendWindow:
        budget = self.limit.budget
        scope = budget.scope if budget is not None and budget.scope.has_own_totals else None
        return SpendWindow(self.user_id, self.period.start, self.period.end, scope)


def user_changes(
    budgets: Mapping[str, Limits],
    moved: Mapping[SpendKey, Sequence[int]],
    basis: SpendBasis,
    now: datetime,
) -> list[PeriodChange]:
    """Return the change of each limited period of whole users."""
    of_users = {user: limits.whole_user_limits(now) for user, limits in budgets.items()}
    sums: dict[tuple[str, Limit, CalendarPeriod], int] = {}
    for (user, quarter), spend in moved.items():
        limits = of_users.get(user)
        if limits and (nano := spend_of(spend, basis)):
            _add(sums, user, limits, quarter, budgets[user].timezone, nano)
    return [PeriodChange(*key, nano) for key, nano in sums.items()]


def scope_changes(
    budgets: Mapping[str, Limits], scopes: ScopeMoves, basis: SpendBasis, now: datetime
) -> list[PeriodChange]:
    """Return the change of each limited period of a persona or a tag."""
    of_scopes: dict[ScopeKey, list[Limit]] = {}
    for user in {key.user_id for key, _ in scopes.sums}:
        for limit in budgets[user].persona_and_tag_limits(now):
            if limit.budget is not None:
                of_scopes.setdefault(ScopeKey(user, limit.budget.scope), []).append(limit)
    sums: dict[tuple[str, Limit, CalendarPeriod], int] = {}
    for (key, quarter), spend in scopes.sums.items():
        limits = of_scopes.get(key)
        if limits and (nano := spend_of(spend, basis)):
            _add(sums, key.user_id, limits, quarter, budgets[key.user_id].timezone, nano)
    return [PeriodChange(*key, nano) for key, nano in sums.items()]


def _add(
    sums: dict[tuple[str, Limit, CalendarPeriod], int],
    user: str,
    limits: Iterable[Limit],
    quarter: datetime,
    zone: str,
    nano: int,
) -> None:
    for limit in limits:
        if limit.type != "call":
            key = (user, limit, period_of(limit.type, quarter, zone))
            sums[key] = sums.get(key, 0) + nano


def position_of(
    move: PeriodChange, after: int, now: datetime, scopes: ScopeMoves | None = None
) -> BudgetPosition:
    """Return the position of a period; `scopes` are the changes of personas and tags."""
    position = period_position(
        move.user_id, move.limit, move.period, moved_nano=move.nano, after_nano=after, now=now
    )
    if scopes is None or move.limit.budget is None:
        return position
    calls = scopes.calls.get(ScopeKey(move.user_id, move.limit.budget.scope), ())
    return position._replace(call_ids=frozenset(calls))


def scope_of(position: BudgetPosition) -> SpendScope | None:
    """Return the scope that a position belongs to, None for a whole user."""
    budget = position.limit.budget
    return budget.scope if budget is not None and budget.scope.has_own_totals else None


def applies(limit: Limit, call: Call) -> bool:
    """Return whether a limit applies to a call."""
    return limit.budget is None or limit.budget.scope.contains(call)


def is_active_call(position: BudgetPosition) -> bool:
    """Return whether the position is that of an active call, which can still be ended."""
    return position.call is not None and position.call.status == "active" and not position.closed


def call_positions(
    budgets: Mapping[str, Limits], changed: Iterable[tuple[Call | None, Call]], now: datetime
) -> list[BudgetPosition]:
    """Return the positions of limited calls that changed."""
    return [
        position
        for before, call in changed
        if (limits := budgets.get(call.user_id or "")) is not None
        for limit in limits.all_call_limits(now)
        if applies(limit, call)
        and (
            position := call_position(
                limit, before if before and applies(limit, before) else None, call, now
            )
        ).after_nano
        != position.before_nano
    ]
