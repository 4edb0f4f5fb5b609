"""Creates, changes and deletes scoped budgets, and raises the alerts that are due.

Global budgets are those of the user `GLOBAL_OWNER`, on behalf of viewers that read all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from ledger.budgets.alert_rows import read_epoch, read_spend
from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.call_steps import NO_STEPS, StepSettings
from ledger.budgets.limits import Limits
from ledger.budgets.positions import PeriodChange
from ledger.budgets.scope_rows import clear_scope, fill_scope
from ledger.budgets.scoped import (
    BUDGETS_MAX,
    GLOBAL_OWNER,
    Raise,
    SpendScope,
    StoredBudget,
    counting_start,
    kept_scopes,
    without_ended_raises,
)
from ledger.budgets.settings import read_active_calls, read_settings, write_budgets
from ledger.budgets.tag_totals import is_unsummed, summed_tags
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.postgres.database import Connection
from ledger.postgres.viewers import Viewer
from schemas.alerts import AlertType


class TooManyBudgetsError(Exception):
    """The user has as many budgets as are allowed."""


class BudgetSettings(NamedTuple):
    """The settings of a budget. Without `thresholds`, those of the user apply."""

    scope: SpendScope
    period: AlertType
    limit_nano: int
    thresholds: tuple[Decimal, ...] | None
    auto_cutoff: bool
    raised: Raise | None
    call_steps: StepSettings = NO_STEPS


class ScopedStatus(NamedTuple):
    """A budget, its present period and its spend there; both are None for a limit per call.

    The spend of a tag over all users is None while its calls are summed.
    """

    budget: StoredBudget
    thresholds: list[Decimal]
    period: CalendarPeriod | None
    spend_nano: int | None


BudgetsChange = Callable[[Limits, int], tuple[StoredBudget, ...] | None]
"""Returns the new budgets of a user, by the limits and the ledger's epoch; None for no change."""


class ScopedBudgets:
    """The scoped budgets of users, on behalf of viewers."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    async def read(self, viewer: Viewer, user_id: str, now: datetime) -> list[ScopedStatus]:
        """Return a user's budgets with their spend; raises StoreUnavailableError."""
        async with self._budgets.reading(viewer) as connection:
            limits = await read_settings(connection, viewer, user_id)
            return await self._statuses(connection, limits, now)

    async def create(
        self, viewer: Viewer, user_id: str, wanted: BudgetSettings, now: datetime
    ) -> ScopedStatus:
        """Create a budget; raises TooManyBudgetsError and StoreUnavailableError."""
        budget_id = str(uuid4())

        def add(limits: Limits, epoch: int) -> tuple[StoredBudget, ...]:
            if len(limits.budgets) >= BUDGETS_MAX:
                raise TooManyBudgetsError
            version = max(limits.latest_version + 1, epoch) + (wanted.raised is not None)
            start = counting_start(now, limits.timezone)
            return (*limits.budgets, _budget(budget_id, wanted, version, start, now))

        statuses = await self._change(viewer, user_id, add, now)
        return next(each for each in statuses if each.budget.budget_id == budget_id)

    async def replace(
        self, viewer: Viewer, user_id: str, budget_id: str, wanted: BudgetSettings, now: datetime
    ) -> ScopedStatus | None:
        """Replace the settings of a budget; None if there is no such budget.

        The limit has a new version if the scope, the period, the limit or its raise changed.
        """

        def change(limits: Limits, epoch: int) -> tuple[StoredBudget, ...] | None:
            before = find_budget(limits, budget_id)
            if before is None:
                return None
            start = before.counts_from
            if wanted.scope != before.scope:
                start = counting_start(now, limits.timezone)
            after = _budget(budget_id, wanted, before.version, start, before.created_at)
            after = replace(after, limit_since=before.limit_since)
            if _limit_of(after) != _limit_of(before):
                version = max(limits.latest_version + 1, epoch) + (wanted.raised is not None)
                after = replace(after, version=version, limit_since=now)
            return tuple(after if b.budget_id == budget_id else b for b in limits.budgets)

        statuses = await self._change(viewer, user_id, change, now)
        return next((each for each in statuses if each.budget.budget_id == budget_id), None)

    async def delete(self, viewer: Viewer, user_id: str, budget_id: str, now: datetime) -> bool:
        """Delete a budget; returns whether there was one. Its alerts stay."""
        found = False

        def remove(limits: Limits, _: int) -> tuple[StoredBudget, ...] | None:
            nonlocal found
            found = find_budget(limits, budget_id) is not None
            rest = tuple(b for b in limits.budgets if b.budget_id != budget_id)
            return rest if found else None

        await self._change(viewer, user_id, remove, now)
        return found

    async def _change(
        self, viewer: Viewer, user_id: str, change: BudgetsChange, now: datetime
    ) -> list[ScopedStatus]:
        """Change a user's budgets, fill the totals of new scopes, and raise the alerts due."""
        async with self._budgets.lock(viewer, user_id) as (connection, before):
            changed = change(before, await read_epoch(connection))
            if changed is None:
                return await self._statuses(connection, before, now)
            limits = replace(before, budgets=without_ended_raises(changed, now))
            old, new = kept_scopes(before.budgets), kept_scopes(limits.budgets)
            await write_budgets(connection, viewer, limits)
            if user_id != GLOBAL_OWNER:  # a worker sums tags over all users
                for scope in old.keys() - new.keys():
                    await clear_scope(connection, viewer, user_id, scope)
                for scope, since in new.items():
                    if old.get(scope) != since:
                        await fill_scope(connection, viewer, user_id, scope, since)
            calls = await read_active_calls(connection, viewer, user_id, now)
            basis, percent = self._budgets.basis, self._budgets.default_threshold_percent
            await Alerting(basis, percent).review_user(connection, limits, calls, now)
            return await self._statuses(connection, limits, now)

    async def _statuses(
        self, connection: Connection, limits: Limits, now: datetime
    ) -> list[ScopedStatus]:
        default = Decimal(self._budgets.default_threshold_percent)
        found: list[ScopedStatus] = []
        changes: list[PeriodChange] = []
        for limit in limits.scoped_budget_limits(now):
            if limit.budget is None:
                continue
            thresholds = limits.thresholds_of(limit, default)
            period = None
            if limit.type != "call":
                period = period_of(limit.type, now, limits.timezone)
                changes.append(PeriodChange(limits.user_id, limit, period, 0))
            found.append(ScopedStatus(limit.budget, thresholds, period, None))
        windows = [change.window() for change in changes]
        spent = iter(await read_spend(connection, windows, self._budgets.basis))
        found = [
            status if status.period is None else status._replace(spend_nano=next(spent))
            for status in found
        ]
        if limits.user_id != GLOBAL_OWNER or not kept_scopes(limits.budgets):
            return found
        summed = await summed_tags(connection)
        return [
            status._replace(spend_nano=None) if is_unsummed(status.budget, summed) else status
            for status in found
        ]


def find_budget(limits: Limits, budget_id: str) -> StoredBudget | None:
    """Return the budget with an id, if there is one."""
    return next((b for b in limits.budgets if b.budget_id == budget_id), None)


def _budget(
    budget_id: str, wanted: BudgetSettings, version: int, start: datetime, created_at: datetime
) -> StoredBudget:
    return StoredBudget(
        budget_id=budget_id,
        dimension=wanted.scope.dimension,
        value=wanted.scope.value,
        period=wanted.period,
        limit_nano=wanted.limit_nano,
        version=version,
        thresholds=wanted.thresholds,
        auto_cutoff=wanted.auto_cutoff,
        call_steps=wanted.call_steps,
        raised=wanted.raised,
        counts_from=start,
        created_at=created_at,
    )


def _limit_of(budget: StoredBudget) -> tuple[object, ...]:
    """Return the fields whose change gives the limit a new version."""
    return budget.scope, budget.period, budget.limit_nano, budget.raised
