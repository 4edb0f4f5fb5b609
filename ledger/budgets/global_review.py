"""Raises the alerts of global budgets, beside the stream; one process decides at a time.

The lock of the settings elects that process. It belongs to the transaction of the review, so a
killed process leaves neither a lock nor a part of a review. The unique key of an alert makes it
exist once.

A review decides the periods that had not ended at the last review, so a spend in the last moment of
a day is found even if the day has ended. Once a minute, a sweep decides all periods since a limit
applies, because late events may have changed them; their alerts are late.

Totals of tags are brought up to date before a decision, in the same transaction or in parts before
it. A tag whose calls are still summed is not decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from ledger.budgets.alert_rows import limits_of
from ledger.budgets.alerting import Alerting
from ledger.budgets.limits import Limit, Limits
from ledger.budgets.scoped import kept_scopes
from ledger.budgets.tag_totals import (
    KEPT_DAYS,
    apply_changes,
    is_unsummed,
    sum_tags,
    summed_tags,
)
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

REVIEW_AFTER: Final = timedelta(milliseconds=300)
"""How old the last review of any process must be."""

_SQL: Final = statements("budgets/everyone")


async def review_global_budgets(
    connection: Connection, alerting: Alerting, now: datetime
) -> int | None:
    """Raise the alerts of global budgets that are due; returns the number of messages to send.

    None means that there are no such budgets, or that another process has just decided them. Raises
    OSError or a PostgreSQL error.
    """
    messages = 0
    while True:
        async with connection.transaction():
            row = await connection.fetchrow(*_SQL.bind("lock_review", before=now - REVIEW_AFTER))
            if row is None:
                return None
            limits = limits_of(row)
            has_tags = row["has_tags"] or bool(kept_scopes(limits.budgets))
            if has_tags and not await apply_changes(connection):
                continue  # commit this part
            if has_tags:
                limits = await _without_unsummed(connection, limits)
            messages = await _decide(connection, alerting, limits, row["reviewed_at"], now)
        break
    alerting.committed()
    if has_tags:
        await sum_tags(connection, now)
    return messages


async def _without_unsummed(connection: Connection, limits: Limits) -> Limits:
    """Return the limits without those of tags whose calls are not all summed yet."""
    summed = await summed_tags(connection)
    decidable = tuple(budget for budget in limits.budgets if not is_unsummed(budget, summed))
    return replace(limits, budgets=decidable)


async def _decide(
    connection: Connection,
    alerting: Alerting,
    limits: Limits,
    reviewed_at: datetime | None,
    now: datetime,
) -> int:
    """Raise the alerts that are due in periods since the last review, or since limits apply."""
    since = {limit: _applies_since(limit, now) for limit in limits.scoped_budget_limits(now)}
    last = reviewed_at or min(since.values(), default=now)
    is_sweep = last < now.replace(second=0, microsecond=0)
    periods = [
        (limit, period)
        for limit, start in since.items()
        for period in _periods(limit, max(start, now - KEPT_DAYS if is_sweep else last), now)
    ]
    messages = await alerting.review_periods(connection, limits, periods, last, now)
    await connection.execute(*_SQL.bind("store_review", now=now))
    return messages


def _applies_since(limit: Limit, now: datetime) -> datetime:
    return now if limit.budget is None else limit.budget.applies_since(now)


def _periods(limit: Limit, first: datetime, now: datetime) -> Iterator[CalendarPeriod]:
    """Yield the periods of a limit that contain a time, from the present back to `first`."""
    if limit.type == "call":
        return
    period = period_of(limit.type, now, "UTC")
    while True:
        yield period
        if period.start <= first:
            return
        period = period_of(limit.type, period.start - timedelta(microseconds=1), "UTC")
