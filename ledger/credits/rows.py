"""Statements of grants, of what was drawn from them, and of reviews and alerts of balances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from ledger.credits.balance import (
    NEVER,
    Balance,
    CreditGrant,
    balance_of,
    turning_points,
    validity,
)
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.events import CreditGranted, Event
from schemas.identity import identity_of
from schemas.money import nano_from_usd

_SQL: Final = statements("credits/credits")
_decode_grants: Final = msgspec.json.Decoder(
    list[tuple[str, int, datetime, datetime, int, datetime]]
).decode

ALL_USERS: Final = Viewer("", reads_all=True)
"""The viewer of a process that acts for all users."""

RECENT_DAYS: Final = 7
"""How long a balance lasts is estimated from the draws of this many days."""
_RECENT: Final = timedelta(days=RECENT_DAYS)


class UserTimeRange(NamedTuple):
    """A time range of a user, from `starts_at` to before `ends_at`."""

    user_id: str
    starts_at: datetime
    ends_at: datetime


class Account(NamedTuple):
    """A user's grants that are not voided, the balance at a time, and when to warn the user.

    `low_balances_nano` are the balances at which the user wants to be warned, None for the default.
    `recent_nano` is the sum of the draws of the last `RECENT_DAYS`. `low_balance_days` is how many
    days before the balance runs out the user wants to be warned, None for no warning. `ends_soon`
    is whether that warning was due at the last review, `ends_soon_count` how often it became due.
    """

    user_id: str
    grants: Sequence[CreditGrant]
    balance: Balance
    low_balances_nano: Sequence[int] | None
    recent_nano: int
    low_balance_days: int | None = None
    ends_soon: bool = False
    ends_soon_count: int = 0


async def insert_events(connection: Connection, events: Sequence[Event]) -> None:
    """Insert grants and voids of grants."""
    rows = [_row(event) for event in sorted(events, key=lambda event: event.identity)]
    names = (
        *("identities", "sources", "event_ids", "types", "times", "user_ids", "amounts"),
        *("starts", "ends", "expiries", "priorities", "notes", "voided"),
    )
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    await connection.execute(*_SQL.bind("insert_events", **columns))


def _row(event: Event) -> tuple[object, ...]:
    data = event.data
    head = (event.identity, event.source, event.id, event.type, event.time, data.user_id)
    if isinstance(data, CreditGranted):
        starts_at, ends_at = validity(event.time, data.expires_at)
        terms = (nano_from_usd(data.amount), starts_at, ends_at, data.expires_at, data.priority)
        return (*head, *terms, data.note, None)
    voids = identity_of(data.voids.source, data.voids.id)  # type: ignore[union-attr]
    return (*head, 0, None, None, None, 0, data.reason, voids)  # type: ignore[union-attr]


async def read_refunded_calls(connection: Connection, user_ids: Collection[str]) -> list[str]:
    """Return the refunded calls of users."""
    rows = await connection.fetch(*_SQL.bind("refunded_calls", user_ids=list(user_ids)))
    return [row["call_id"] for row in rows]


async def recompute_returns(connection: Connection, call_ids: Sequence[str]) -> None:
    """Recompute, from the stored events, what the refunds of calls return to grants."""
    await connection.execute(*_SQL.bind("drop_returns", call_ids=call_ids))
    await connection.execute(*_SQL.bind("put_returns", call_ids=call_ids))


async def plan_review(connection: Connection, user_ids: Collection[str], now: datetime) -> None:
    """Schedule the next review of users' balances, which also marks them as users with credit."""
    await connection.execute(*_SQL.bind("plan_review", user_ids=list(user_ids), now=now))


async def lock_due_users(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Lock and return users whose balance is due for a review."""
    rows = await connection.fetch(*_SQL.bind("lock_due", now=now, limit=limit))
    return [row["user_id"] for row in rows]


async def read_accounts(
    connection: Connection,
    user_ids: Sequence[str],
    now: datetime,
    viewer: Viewer = ALL_USERS,
) -> list[Account]:
    """Return the accounts of users with grants that are not voided.

    The caller must have locked the settings of the users, or read in one snapshot.
    """
    rows = await connection.fetch(*_SQL.bind("accounts", user_ids=user_ids, **viewer.parameters))
    grants = {
        row["user_id"]: [CreditGrant(*fields) for fields in _decode_grants(row["grants"])]
        for row in rows
        if row["grants"] is not None
    }
    points = {user: turning_points(user_grants, now) for user, user_grants in grants.items()}
    draws = await _read_draws(connection, points, now - _RECENT, viewer)
    return [
        Account(
            row["user_id"],
            grants[row["user_id"]],
            balance_of(
                grants[row["user_id"]], points[row["user_id"]], draws[row["user_id"]].between
            ),
            row["low_balance_nano"],
            draws[row["user_id"]].recent_nano,
            row["low_balance_days"],
            row["balance_ends_soon"],
            row["balance_crossings"],
        )
        for row in rows
        if row["user_id"] in grants
    ]


class _Draws(NamedTuple):
    """What a user drew since a time, and between each turning point and the next, in nano."""

    recent_nano: int
    between: Sequence[int]


async def _read_draws(
    connection: Connection,
    points: Mapping[str, Sequence[datetime]],
    since: datetime,
    viewer: Viewer,
) -> dict[str, _Draws]:
    """Return the draws of each user, the recent ones since `since`."""
    if not points:
        return {}
    ranges = [one for user, times in points.items() for one in _time_ranges(user, times, since)]
    users, starts, ends = zip(*ranges, strict=True)
    rows = await connection.fetch(
        *_SQL.bind("drawn", user_ids=users, starts=starts, ends=ends, **viewer.parameters)
    )
    sums: dict[str, list[int]] = {user: [] for user in points}
    for row in rows:  # in the order of the ranges
        user = ranges[row["ordinality"] - 1].user_id
        sums[user].append(int(row["nano"]))
    return {user: _Draws(recent, between) for user, (recent, *between) in sums.items()}


def _time_ranges(user_id: str, points: Sequence[datetime], since: datetime) -> list[UserTimeRange]:
    """Return the time ranges of a user: from `since` on, and between the turning points."""
    between = [UserTimeRange(user_id, *pair) for pair in pairwise([*points, NEVER])]
    return [UserTimeRange(user_id, since, NEVER), *between]


class BalanceAlertRow(NamedTuple):
    """A low-balance alert to insert."""

    alert_id: UUID
    user_id: str
    threshold_nano: int
    grant_id: str
    triggered_at: datetime
    data: str


async def raise_balance_alerts(
    connection: Connection, alerts: Sequence[BalanceAlertRow]
) -> list[int]:
    """Insert alerts, and return the indexes of those that are new."""
    if not alerts:
        return []
    names = ("alert_ids", "user_ids", "thresholds", "grant_ids", "triggered_at", "data")
    columns = dict(zip(names, zip(*alerts, strict=True), strict=True))
    rows = await connection.fetch(*_SQL.bind("raise", **columns))
    return [row["ordinality"] - 1 for row in rows]


class BalanceEndingAlertRow(NamedTuple):
    """An alert that a balance ends soon, to insert."""

    alert_id: UUID
    user_id: str
    triggered_at: datetime
    data: str


async def store_ends_soon(connection: Connection, ends_soon: Mapping[str, bool]) -> None:
    """Store whether the balances of users end soon. The caller must have locked their settings."""
    await connection.execute(
        *_SQL.bind("store_ends_soon", user_ids=list(ends_soon), ends_soon=list(ends_soon.values()))
    )


async def raise_ending_alerts(
    connection: Connection, alerts: Sequence[BalanceEndingAlertRow]
) -> list[int]:
    """Insert alerts, and return the indexes of those that are new."""
    if not alerts:
        return []
    names = ("alert_ids", "user_ids", "triggered_at", "data")
    columns = dict(zip(names, zip(*alerts, strict=True), strict=True))
    rows = await connection.fetch(*_SQL.bind("raise_ending_alerts", **columns))
    return [row["ordinality"] - 1 for row in rows]
