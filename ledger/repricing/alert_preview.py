"""Finds the budget alerts that late prices would raise, by the rules of real alerts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger.budgets.alert_messages import alert_id
from ledger.budgets.alert_rows import read_spend
from ledger.budgets.limits import Limit, Limits
from ledger.budgets.thresholds import (
    BudgetPosition,
    call_position,
    period_position,
    reached_thresholds,
)
from ledger.budgets.windows import SpendWindow
from ledger.calls.periods import CalendarPeriod, Day, day_of, period_of, quarter_of
from ledger.postgres.database import Connection
from ledger.recording.batch_rows import read_calls
from ledger.repricing.recorded_costs import DueCost
from ledger.repricing.rows import find_raised_alerts, read_limits
from ledger.repricing.settlement_preview import SettledChange
from ledger.repricing.sums import AlertDue
from schemas.alerts import SpendBasis
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

MOVES_MAX: Final = 5_000
"""Collected calls or quarters of an hour are checked when there are this many."""


class AlertPreview:
    """Collects changes of costs, user by user, and finds the alerts that they would raise."""

    def __init__(self, connection: Connection, basis: SpendBasis, now: datetime) -> None:
        """Read on this connection; `basis` is the spend basis of budgets."""
        self._connection = connection
        self._basis = basis
        self._now = now
        self._quarters: dict[tuple[str, datetime], int] = {}
        self._calls: dict[tuple[str, str], dict[tuple[Day, str], int]] = {}
        self._last: tuple[str, str] = ("", "")

    async def add(self, cost: DueCost | SettledChange, change_nano: int) -> list[AlertDue]:
        """Add the change of a cost; returns the alerts of earlier calls and users, if checked."""
        call_key = (cost.user_id, cost.call_id)
        found = await self._check_completed(call_key)
        self._last = call_key
        if self._basis == "cost":
            self._add_spend(cost, change_nano)
        call_changes = self._calls.setdefault(call_key, {})
        posting = (day_of(cost.time), cost.service)
        call_changes[posting] = call_changes.get(posting, 0) + change_nano
        return found

    def add_charge(self, charge: SettledChange) -> None:
        """Add the changed charge of the call of the last cost."""
        if self._basis == "charged":
            self._add_spend(charge, charge.difference_nano)

    def _add_spend(self, changed: DueCost | SettledChange, change_nano: int) -> None:
        quarter = (changed.user_id, quarter_of(changed.time))
        self._quarters[quarter] = self._quarters.get(quarter, 0) + change_nano

    async def _check_completed(self, call_key: tuple[str, str]) -> list[AlertDue]:
        """Check what is collected once it is large, before another call or user begins."""
        found: list[AlertDue] = []
        if call_key != self._last and len(self._calls) >= MOVES_MAX:
            found += await self._check_calls()
        if call_key[0] != self._last[0] and len(self._quarters) >= MOVES_MAX:
            found += await self._check_periods()
        return found

    async def finish(self) -> list[AlertDue]:
        """Return the alerts of the calls and users that are not checked yet."""
        return await self._check_calls() + await self._check_periods()

    async def _check_calls(self) -> list[AlertDue]:
        moved, self._calls = self._calls, {}
        limits = await read_limits(self._connection, {user_id for user_id, _ in moved})
        capped = [
            call_id
            for user_id, call_id in moved
            if user_id in limits and limits[user_id].all_call_limits(self._now)
        ]
        calls = await read_calls(self._connection, capped) if capped else {}
        due: list[tuple[BudgetPosition, Limits]] = []
        for (user_id, call_id), postings in moved.items():
            before = calls.get(call_id)
            if before is None or not any(postings.values()):
                continue
            after = before.copy()
            for (day, service), nano in postings.items():
                after.add_cost(day, service, nano)
            user_limits = limits[user_id]
            due += [
                (call_position(limit, before, after, self._now), user_limits)
                for limit in user_limits.all_call_limits(self._now)
                if limit.budget is None or limit.budget.scope.contains(after)
            ]
        return await self._not_raised_yet(
            [pair for pair in due if pair[0].before_nano != pair[0].after_nano]
        )

    async def _check_periods(self) -> list[AlertDue]:
        moved, self._quarters = self._quarters, {}
        limits = await read_limits(self._connection, {user_id for user_id, _ in moved})
        sums: dict[tuple[str, Limit, CalendarPeriod], int] = {}
        for (user_id, quarter), nano in moved.items():
            user_limits = limits.get(user_id)
            if user_limits is None:
                continue
            for limit in user_limits.whole_user_limits(self._now):
                if limit.type != "call":
                    key = (user_id, limit, period_of(limit.type, quarter, user_limits.timezone))
                    sums[key] = sums.get(key, 0) + nano
        changed = [(key, nano) for key, nano in sums.items() if nano]
        windows = [
            SpendWindow(user_id, period.start, period.end) for (user_id, _, period), _ in changed
        ]
        spent = await read_spend(self._connection, windows, self._basis)
        return await self._not_raised_yet(
            [
                (
                    period_position(
                        user_id,
                        limit,
                        period,
                        moved_nano=nano,
                        after_nano=before_nano + nano,
                        now=self._now,
                    ),
                    limits[user_id],
                )
                for ((user_id, limit, period), nano), before_nano in zip(
                    changed, spent, strict=True
                )
            ]
        )

    async def _not_raised_yet(
        self, positions: list[tuple[BudgetPosition, Limits]]
    ) -> list[AlertDue]:
        """Return the alerts that are due at these positions and do not exist yet."""
        default = Decimal(DEFAULT_ALERT_THRESHOLD_PERCENT)
        due = {
            alert_id(position, percent): AlertDue(position, percent)
            for position, limits in positions
            for percent in reached_thresholds(
                position, limits.thresholds_of(position.limit, default)
            )
        }
        if not due:
            return []
        raised = await find_raised_alerts(self._connection, due.keys())
        return [alert for key, alert in due.items() if key not in raised]
