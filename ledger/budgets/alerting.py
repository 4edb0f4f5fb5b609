"""Raises budget alerts in the transaction that changes the spend.

Each user's settings row is locked before the user's spend changes. A change of settings locks it
too. So the later of a batch and a concurrent change sees everything that the earlier one did, and
raises the alerts that are due. The unique key of an alert makes it exist once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.alert_messages import alert, alert_id, cutoff
from ledger.budgets.alert_rows import lock_budgets, raise_alerts, read_spend, request_cutoff
from ledger.budgets.bounded_set import BoundedSet
from ledger.budgets.contexts import read_contexts
from ledger.budgets.crossings import find_crossing
from ledger.budgets.limits import FULL, Limit, Limits
from ledger.budgets.positions import (
    PeriodChange,
    applies,
    call_positions,
    is_active_call,
    position_of,
    scope_changes,
    user_changes,
)
from ledger.budgets.scope_moves import ScopeMoves, find_moves, sum_moves
from ledger.budgets.scope_rows import move_scopes, read_recorded
from ledger.budgets.scoped import GLOBAL_OWNER
from ledger.budgets.step_requests import StepRequests
from ledger.budgets.thresholds import BudgetPosition, call_position, reached_thresholds
from ledger.budgets.windows import SpendWindow
from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.event_rows import EventRow
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

USERS_CACHED_MAX: Final = 200_000
ALERTS_CACHED_MAX: Final = 50_000


class AlertReview(NamedTuple):
    """What a batch's alerts are decided from: the users' limits, and the changes of their spend.

    `changes` are those of whole users by limited period, `scope_changes` those of personas and
    tags, whose totals change by `scope_moves`.
    """

    budgets: dict[str, Limits]
    changes: list[PeriodChange]
    scope_moves: ScopeMoves = ScopeMoves({}, {})
    scope_changes: Sequence[PeriodChange] = ()

    def windows(self) -> list[SpendWindow]:
        return [change.window() for change in self.changes]

    @property
    def with_credit(self) -> frozenset[str]:
        """The users who had a grant of prepaid credit."""
        return frozenset(user for user, limits in self.budgets.items() if limits.has_credit)


class Alerting:
    """Decides the alerts of one lane's batches, for one definition of spend."""

    def __init__(
        self,
        basis: SpendBasis = "charged",
        default_percent: int = DEFAULT_ALERT_THRESHOLD_PERCENT,
    ) -> None:
        """`basis` defines the spend, `default_percent` the threshold of users without one."""
        self.basis = basis
        self.default_percent = Decimal(default_percent)
        self._users = BoundedSet(USERS_CACHED_MAX)
        self._raised = BoundedSet(ALERTS_CACHED_MAX)
        self._uncommitted: tuple[Sequence[str], Sequence[UUID]] = ((), ())
        self._steps = StepRequests()

    async def lock(
        self, connection: Connection, batch: BatchChanges, now: datetime, *, is_large: bool
    ) -> AlertReview:
        """Lock the settings of a batch's users, and return what to review.

        Call it in the batch's transaction, then change the spend, then call `review_batch`. The
        events of a large batch are inserted already.
        """
        users = sorted(batch.users)
        self._uncommitted = users, ()
        self._steps.begin()
        if not users:
            return AlertReview({}, [])
        unknown = [user for user in users if user not in self._users]
        budgets = await lock_budgets(connection, users, unknown)
        if not budgets:
            return AlertReview({}, [])
        changes = user_changes(budgets, batch.spend.changed(), self.basis, now)
        moves = await _scope_moves(connection, budgets, batch, is_large=is_large)
        of_scopes = scope_changes(budgets, moves, self.basis, now)
        return AlertReview(budgets, changes, moves, of_scopes)

    async def review_batch(
        self,
        connection: Connection,
        batch: BatchChanges,
        review: AlertReview,
        spent: Sequence[int],
        now: datetime,
    ) -> int:
        """Raise the alerts that are due after the change; `spent` is each window's spend before.

        Returns the number of alerts and commands to send. Call `committed` after the commit.
        """
        if not review.budgets:
            return 0
        positions = [
            position_of(change, before + change.nano, now)
            for change, before in zip(review.changes, spent, strict=True)
        ]
        moves = review.scope_moves
        if moves.sums:
            windows = [change.window() for change in review.scope_changes]
            of_scopes = await move_scopes(connection, moves, windows, self.basis)
            positions += [
                position_of(change, before + change.nano, now, moves)
                for change, before in zip(review.scope_changes, of_scopes, strict=True)
            ]
        positions += call_positions(review.budgets, batch.changed.values(), now)
        return await self._raise(connection, review.budgets, positions, batch.entries, now)

    def committed(self) -> None:
        """Remember the alerts and steps that are now committed."""
        users, alerts = self._uncommitted
        self._users.add(users)
        self._raised.add(alerts)
        self._steps.committed()

    async def review_user(
        self, connection: Connection, limits: Limits, calls: Iterable[Call], now: datetime
    ) -> int:
        """Raise the alerts that are due after a change of settings; the caller has locked the row.

        `calls` are the user's active ones. Tags over all users are left to the next review, which
        first brings their totals up to date. Returns the number of alerts and commands to send.
        """
        periodic = limits.whole_user_limits(now)
        if limits.user_id != GLOBAL_OWNER:
            periodic += limits.persona_and_tag_limits(now)
        periods = [
            PeriodChange(limits.user_id, limit, period_of(limit.type, now, limits.timezone), 0)
            for limit in periodic
            if limit.type != "call"
        ]
        spent = await read_spend(connection, [period.window() for period in periods], self.basis)
        positions = [
            position_of(period, nano, now) for period, nano in zip(periods, spent, strict=True)
        ]
        positions += [
            call_position(limit, call, call, now)
            for call in calls
            for limit in limits.all_call_limits(now)
            if applies(limit, call)
        ]
        return await self._raise(connection, {limits.user_id: limits}, positions, (), now)

    async def review_periods(
        self,
        connection: Connection,
        limits: Limits,
        periods: Sequence[tuple[Limit, CalendarPeriod]],
        reviewed_at: datetime,
        now: datetime,
    ) -> int:
        """Raise the alerts that are due in periods of limits; the caller has locked the settings.

        Those of periods that had ended at the last review are late. Returns the number of messages
        to send. Call `committed` after the commit.
        """
        self._uncommitted = (), ()
        changes = [PeriodChange(limits.user_id, *limit_period, 0) for limit_period in periods]
        spent = await read_spend(connection, [change.window() for change in changes], self.basis)
        positions = [
            position_of(change._replace(nano=nano), nano, reviewed_at)
            for change, nano in zip(changes, spent, strict=True)
        ]
        return await self._raise(connection, {limits.user_id: limits}, positions, (), now)

    async def _raise(
        self,
        connection: Connection,
        budgets: Mapping[str, Limits],
        positions: Sequence[BudgetPosition],
        entries: Sequence[EventRow],
        now: datetime,
    ) -> int:
        """Raise the alerts that are due, and request ends of calls and steps before them."""
        messages = await self._steps.request(connection, budgets, positions, entries, now)
        due: list[tuple[BudgetPosition, Decimal]] = [
            (position, percent)
            for position in positions
            for percent in reached_thresholds(
                position,
                budgets[position.user_id].thresholds_of(position.limit, self.default_percent),
            )
            if alert_id(position, percent) not in self._raised
        ]
        if not due:
            return messages
        positions = [position for position, _ in due]
        contexts = await read_contexts(connection, positions, self.basis, now)
        alerts = [
            alert(
                position,
                percent,
                find_crossing(position, percent, entries, self.basis),
                context,
                self.basis,
                now,
            )
            for (position, percent), context in zip(due, contexts, strict=True)
        ]
        messages += await raise_alerts(connection, alerts)
        self._uncommitted = self._uncommitted[0], [UUID(raised.alert_id) for raised in alerts]
        for (position, percent), raised in zip(due, alerts, strict=True):
            if (
                percent == FULL
                and budgets[position.user_id].ends_calls(position.limit)
                and is_active_call(position)
            ):
                messages += await request_cutoff(connection, cutoff(position, raised))
        return messages


async def _scope_moves(
    connection: Connection, budgets: Mapping[str, Limits], batch: BatchChanges, *, is_large: bool
) -> ScopeMoves:
    """Return the changes of personas and tags with a budget."""
    moves = find_moves(budgets, batch)
    if not moves:
        return ScopeMoves({}, {})
    taken = [move.call.call_id for move in moves if move.takes_spend]
    users = {move.call.user_id or "" for move in moves}
    since = min(b.counts_from for user in users for b in budgets[user].budgets)
    recorded = await read_recorded(connection, taken, since)
    return sum_moves(budgets, moves, batch, recorded, includes_batch=is_large)
