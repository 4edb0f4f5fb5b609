"""Raises budget alerts inside the transaction that moved the spend: the use case.

The settings row of each user in a batch is locked before its spend moves. A change of settings
locks it too, so of a batch and a change that meet, the second sees all that the first did, and one
of the two raises what is due. The unique key of an alert then makes it exist once.
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
from ledger.budgets.crossings import Row, crossing
from ledger.budgets.limits import FULL, Limit, Limits
from ledger.budgets.thresholds import BudgetPosition, call_position, period_position, reached
from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.periods import Period, period_of, quarter_of
from ledger.calls.spend import SpendKey
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

USERS_REMEMBERED_MAX: Final = 200_000
ALERTS_REMEMBERED_MAX: Final = 50_000

_HOUR: Final = timedelta(hours=1)


class SpendChange(NamedTuple):
    """By how many nano-dollars the spend of a limited period moves."""

    user_id: str
    limit: Limit
    period: Period
    nano: int

    def span(self) -> SpendWindow:
        """Return the time in which the spend counts."""
        return SpendWindow(self.user_id, self.period.start, self.period.end)


class AlertReview(NamedTuple):
    """What of a batch may call for alerts: the users who have limits, and what moves of them."""

    budgets: dict[str, Limits]
    moves: list[SpendChange]

    def spans(self) -> list[SpendWindow]:
        """Return in what times the spend moves."""
        return [move.span() for move in self.moves]


class Alerting:
    """Decides the alerts of one lane's batches, on one basis of what spend is."""

    def __init__(
        self,
        basis: SpendBasis = "charged",
        default_percent: int = DEFAULT_ALERT_THRESHOLD_PERCENT,
    ) -> None:
        """Take what spend is, and the threshold of users who set none."""
        self.basis = basis
        self.default_percent = Decimal(default_percent)
        self._users = _BoundedSet(USERS_REMEMBERED_MAX)
        self._raised = _BoundedSet(ALERTS_REMEMBERED_MAX)
        self._unsure: tuple[Sequence[str], Sequence[UUID]] = ((), ())

    async def lock(self, connection: Connection, folded: BatchChanges) -> AlertReview:
        """Lock the settings of a batch's users before their spend moves; returns what to review.

        Call it within the batch's transaction, then move, then `review_batch`.
        """
        users = sorted(folded.users)
        self._unsure = users, ()
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
        """Raise what is due after the spend has moved; `spent` is what it was in each span before.

        Returns how many alerts and commands are to be sent. Call `committed` after the commit.
        """
        if not review.budgets:
            return 0
        stands = [
            _stand_of(move, before + move.nano, now)
            for move, before in zip(review.moves, spent, strict=True)
        ]
        stands += _call_stands(review.budgets, folded.changed.values(), now)
        return await self._raise(connection, review.budgets, stands, folded.entries, now)

    def committed(self) -> None:
        """Remember what is now certain to be in the database."""
        users, alerts = self._unsure
        self._users.add(users)
        self._raised.add(alerts)

    async def review_user(
        self, connection: Connection, limits: Limits, calls: Iterable[Call], now: datetime
    ) -> int:
        """Raise what is due after a change of settings, whose row the caller has locked.

        `calls` are the user's active ones. Returns how many alerts and commands are to be sent.
        """
        moves = [
            SpendChange(limits.user_id, limit, period_of(limit.type, now, limits.timezone), 0)
            for limit in limits.periodic()
            if limit.type != "call"
        ]
        spent = await read_spend(connection, [move.span() for move in moves], self.basis)
        stands = [_stand_of(move, nano, now) for move, nano in zip(moves, spent, strict=True)]
        stands += [
            call_position(limit, call, call, now) for call in calls for limit in limits.of_calls()
        ]
        return await self._raise(connection, {limits.user_id: limits}, stands, (), now)

    def _moves(
        self, budgets: Mapping[str, Limits], moved: Mapping[SpendKey, Sequence[int]]
    ) -> list[SpendChange]:
        """Return by how much each limited period moves."""
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
        stands: Iterable[BudgetPosition],
        entries: Sequence[Row],
        now: datetime,
    ) -> int:
        due: list[tuple[BudgetPosition, Decimal]] = [
            (stand, percent)
            for stand in stands
            for percent in reached(stand, budgets[stand.user_id].thresholds(self.default_percent))
            if alert_id(stand, percent) not in self._raised
        ]
        if not due:
            return 0
        backgrounds = await self._backgrounds(connection, [stand for stand, _ in due], now)
        alerts = [
            alert(
                stand,
                percent,
                crossing(stand, percent, entries, self.basis),
                background,
                self.basis,
                now,
            )
            for (stand, percent), background in zip(due, backgrounds, strict=True)
        ]
        messages = await raise_alerts(connection, alerts)
        self._unsure = self._unsure[0], [UUID(one.alert_id) for one in alerts]
        for (stand, percent), one in zip(due, alerts, strict=True):
            if percent == FULL and budgets[stand.user_id].auto_cutoff and _goes_on(stand):
                messages += await request_cutoff(connection, cutoff(stand, one))
        return messages

    async def _backgrounds(
        self, connection: Connection, stands: Sequence[BudgetPosition], now: datetime
    ) -> list[AlertContext]:
        """Gather what explains alerts; that happens seldom, so it may ask the database."""
        since = quarter_of(now.astimezone(UTC) - _HOUR)
        periods = [SpendWindow(stand.user_id, stand.start, stand.end or now) for stand in stands]
        found = await read_alert_contexts(connection, periods, since, self.basis)
        return [
            AlertContext(stand.call.costs_by_service(), of_period.last_hour_nano)
            if stand.call
            else of_period
            for stand, of_period in zip(stands, found, strict=True)
        ]


def _stand_of(move: SpendChange, after: int, now: datetime) -> BudgetPosition:
    return period_position(
        move.user_id, move.limit, move.period, moved_nano=move.nano, after_nano=after, now=now
    )


def _goes_on(stand: BudgetPosition) -> bool:
    """Return whether it is a call, above its cap, that can still be ended."""
    return stand.call is not None and stand.call.status == "active" and not stand.closed


def _call_stands(
    budgets: Mapping[str, Limits], changed: Iterable[tuple[Call | None, Call]], now: datetime
) -> list[BudgetPosition]:
    return [
        stand
        for before, call in changed
        if (limits := budgets.get(call.user_id or "")) is not None
        for limit in limits.of_calls()
        if (stand := call_position(limit, before, call, now)).after_nano != stand.before_nano
    ]


class _BoundedSet:
    """A bounded set that forgets what was added or met longest ago."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[object, None] = OrderedDict()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def add(self, items: Iterable[object]) -> None:
        for item in items:
            self._items[item] = None
            self._items.move_to_end(item)
        while len(self._items) > self._most:
            self._items.popitem(last=False)
