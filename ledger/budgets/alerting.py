"""Raises budget alerts in the transaction that changes the spend.

Each user's settings row is locked before the user's spend changes. A change of settings locks it
too, so of a batch and a concurrent change the second one sees everything the first one did, and
raises what is due. The unique key of an alert makes it exist once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.alert_messages import AlertContext, alert, alert_id, cutoff
from ledger.budgets.alert_rows import (
    SpendWindow,
    lock_budgets,
    raise_alerts,
    read_alert_contexts,
    read_spend,
    request_cutoff,
)
from ledger.budgets.crossings import find_crossing
from ledger.budgets.limits import FULL, Limit, Limits
from ledger.budgets.thresholds import (
    BudgetPosition,
    call_position,
    period_position,
    reached_thresholds,
)
from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.event_rows import EventRow
from ledger.calls.periods import Period, period_of, quarter_of
from ledger.calls.spend import SpendKey
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

USERS_CACHED_MAX: Final = 200_000
ALERTS_CACHED_MAX: Final = 50_000

_HOUR: Final = timedelta(hours=1)


class SpendChange(NamedTuple):
    """The change of a limited period's spend, in nano-dollars."""

    user_id: str
    limit: Limit
    period: Period
    nano: int

    def span(self) -> SpendWindow:
        return SpendWindow(self.user_id, self.period.start, self.period.end)


class AlertReview(NamedTuple):
    """What a batch's alerts are decided from: the users' limits, and the changes of their spend."""

    budgets: dict[str, Limits]
    moves: list[SpendChange]

    def spans(self) -> list[SpendWindow]:
        return [move.span() for move in self.moves]


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
        self._users = _BoundedSet(USERS_CACHED_MAX)
        self._raised = _BoundedSet(ALERTS_CACHED_MAX)
        self._uncommitted: tuple[Sequence[str], Sequence[UUID]] = ((), ())

    async def lock(self, connection: Connection, folded: BatchChanges) -> AlertReview:
        """Lock the settings of a batch's users, and return what to review.

        Call it in the batch's transaction, then change the spend, then call `review_batch`.
        """
        users = sorted(folded.users)
        self._uncommitted = users, ()
        if not users:
            return AlertReview({}, [])
        unknown = [user for user in users if user not in self._users]
        budgets = await lock_budgets(connection, users, unknown)
        return AlertReview(budgets, self._moves(budgets, folded.spend.changed()) if budgets else [])

    async def review_batch(
        self,
        connection: Connection,
        folded: BatchChanges,
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
            _position_of(move, before + move.nano, now)
            for move, before in zip(review.moves, spent, strict=True)
        ]
        positions += _call_positions(review.budgets, folded.changed.values(), now)
        return await self._raise(connection, review.budgets, positions, folded.entries, now)

    def committed(self) -> None:
        """Remember what the commit has made certain."""
        users, alerts = self._uncommitted
        self._users.add(users)
        self._raised.add(alerts)

    async def review_user(
        self, connection: Connection, limits: Limits, calls: Iterable[Call], now: datetime
    ) -> int:
        """Raise the alerts that are due after a change of settings; the caller has locked the row.

        `calls` are the user's active ones. Returns the number of alerts and commands to send.
        """
        moves = [
            SpendChange(limits.user_id, limit, period_of(limit.type, now, limits.timezone), 0)
            for limit in limits.periodic()
            if limit.type != "call"
        ]
        spent = await read_spend(connection, [move.span() for move in moves], self.basis)
        positions = [_position_of(move, nano, now) for move, nano in zip(moves, spent, strict=True)]
        positions += [
            call_position(limit, call, call, now) for call in calls for limit in limits.of_calls()
        ]
        return await self._raise(connection, {limits.user_id: limits}, positions, (), now)

    def _moves(
        self, budgets: Mapping[str, Limits], moved: Mapping[SpendKey, Sequence[int]]
    ) -> list[SpendChange]:
        """Return the change of each limited period."""
        sums: dict[tuple[str, Limit, Period], int] = {}
        for (user, quarter), (cost, charged, refunded) in moved.items():
            nano = cost if self.basis == "cost" else charged - refunded
            limits = budgets.get(user)
            if limits is None or not nano:
                continue
            for limit in limits.periodic():
                if limit.type != "call":
                    key = (user, limit, period_of(limit.type, quarter, limits.timezone))
                    sums[key] = sums.get(key, 0) + nano
        return [SpendChange(*key, nano) for key, nano in sums.items()]

    async def _raise(
        self,
        connection: Connection,
        budgets: Mapping[str, Limits],
        positions: Iterable[BudgetPosition],
        entries: Sequence[EventRow],
        now: datetime,
    ) -> int:
        due: list[tuple[BudgetPosition, Decimal]] = [
            (position, percent)
            for position in positions
            for percent in reached_thresholds(
                position, budgets[position.user_id].thresholds(self.default_percent)
            )
            if alert_id(position, percent) not in self._raised
        ]
        if not due:
            return 0
        contexts = await self._contexts(connection, [position for position, _ in due], now)
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
        messages = await raise_alerts(connection, alerts)
        self._uncommitted = self._uncommitted[0], [UUID(raised.alert_id) for raised in alerts]
        for (position, percent), raised in zip(due, alerts, strict=True):
            if (
                percent == FULL
                and budgets[position.user_id].auto_cutoff
                and _is_active_call(position)
            ):
                messages += await request_cutoff(connection, cutoff(position, raised))
        return messages

    async def _contexts(
        self, connection: Connection, positions: Sequence[BudgetPosition], now: datetime
    ) -> list[AlertContext]:
        """Read the contexts of alerts; alerts are rare, so this may query the database."""
        since = quarter_of(now.astimezone(UTC) - _HOUR)
        periods = [
            SpendWindow(position.user_id, position.start, position.end or now)
            for position in positions
        ]
        contexts = await read_alert_contexts(connection, periods, since, self.basis)
        return [
            AlertContext(position.call.costs_by_service(), of_period.last_hour_nano)
            if position.call
            else of_period
            for position, of_period in zip(positions, contexts, strict=True)
        ]


def _position_of(move: SpendChange, after: int, now: datetime) -> BudgetPosition:
    return period_position(
        move.user_id, move.limit, move.period, moved_nano=move.nano, after_nano=after, now=now
    )


def _is_active_call(position: BudgetPosition) -> bool:
    """Return whether the position is that of an active call, which can still be ended."""
    return position.call is not None and position.call.status == "active" and not position.closed


def _call_positions(
    budgets: Mapping[str, Limits], changed: Iterable[tuple[Call | None, Call]], now: datetime
) -> list[BudgetPosition]:
    return [
        position
        for before, call in changed
        if (limits := budgets.get(call.user_id or "")) is not None
        for limit in limits.of_calls()
        if (position := call_position(limit, before, call, now)).after_nano != position.before_nano
    ]


class _BoundedSet:
    """A bounded set that drops the least recently added items."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._items: OrderedDict[object, None] = OrderedDict()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def add(self, items: Iterable[object]) -> None:
        for item in items:
            self._items[item] = None
            self._items.move_to_end(item)
        while len(self._items) > self._maximum:
            self._items.popitem(last=False)
