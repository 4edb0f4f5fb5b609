"""Reads and writes grants, and what was drawn from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
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

EVERYONE: Final = Viewer("", reads_all=True)
"""The viewer of a process that acts for all users."""

RECENT_DAYS: Final = 7
"""How long a balance lasts follows from the draws of this many days."""
_RECENT: Final = timedelta(days=RECENT_DAYS)


class UserTimeRange(NamedTuple):
    """A time range of a user, from `starts_at` to before `ends_at`."""

    user_id: str
    starts_at: datetime
    ends_at: datetime


class Account(NamedTuple):
    """A user's grants that are not voided, the balance at a time, and when to warn the user.

    `low_nano` are the balances at which the user wants to be warned, None for the default.
    `recent_nano` is the sum of the draws of the last `RECENT_DAYS`. `low_days` are the days before
    the end at which the user wants to be warned, None for never; `ends_soon` says whether the
    balance was known to end within them, `crossings` how often that became true.
    """

    user_id: str
    grants: Sequence[CreditGrant]
    balance: Balance
    low_nano: Sequence[int] | None
    recent_nano: int
    low_days: int | None = None
    ends_soon: bool = False
    crossings: int = 0


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
        ends = validity(event.time, data.expires_at)
        amount = nano_from_usd(data.amount)
        return (*head, amount, *ends, data.expires_at, data.priority, data.note, None)
    voids = identity_of(data.voids.source, data.voids.id)  # type: ignore[union-attr]
    return (*head, 0, None, None, None, 0, data.reason, voids)  # type: ignore[union-attr]


async def read_refunded_calls(connection: Connection, user_ids: Collection[str]) -> list[str]:
    """Return the calls of users with refunds."""
    rows = await connection.fetch(*_SQL.bind("refunded_calls", user_ids=list(user_ids)))
    return [row["call_id"] for row in rows]


async def refresh_returns(connection: Connection, call_ids: Sequence[str]) -> None:
    """Compute again what the refunds of calls return to grants, from the written events."""
    await connection.execute(*_SQL.bind("drop_returns", call_ids=call_ids))
    await connection.execute(*_SQL.bind("put_returns", call_ids=call_ids))


async def plan_review(connection: Connection, user_ids: Collection[str], now: datetime) -> None:
    """Store when the balances of users are reviewed next. From then on, the users have credit."""
    await connection.execute(*_SQL.bind("plan_review", user_ids=list(user_ids), now=now))


async def lock_due_users(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Lock and return users whose balance is due for a review."""
    rows = await connection.fetch(*_SQL.bind("lock_due", now=now, limit=limit))
    return [row["user_id"] for row in rows]


async def read_accounts(
    connection: Connection,
    user_ids: Sequence[str],
    now: datetime,
    viewer: Viewer = EVERYONE,
) -> list[Account]:
    """Return the accounts of users with grants that are not voided.

    The caller has locked the settings of the users, or reads on one snapshot.
    """
    rows = await connection.fetch(*_SQL.bind("accounts", user_ids=user_ids, **viewer.parameters))
    grants = {
        row["user_id"]: [CreditGrant(*fields) for fields in _decode_grants(row["grants"])]
        for row in rows
        if row["grants"] is not None
    }
    points = {user: turning_points(of_user, now) for user, of_user in grants.items()}
    drawn = await _read_drawn(connection, points, now - _RECENT, viewer)
    return [
        Account(
            row["user_id"],
            grants[row["user_id"]],
            balance_of(grants[row["user_id"]], points[row["user_id"]], drawn[row["user_id"]][1:]),
            row["low_balance_nano"],
            drawn[row["user_id"]][0],
            row["low_balance_days"],
            row["balance_ends_soon"],
            row["balance_crossings"],
        )
        for row in rows
        if row["user_id"] in grants
    ]


async def _read_drawn(
    connection: Connection,
    points: Mapping[str, Sequence[datetime]],
    since: datetime,
    viewer: Viewer,
) -> dict[str, list[int]]:
    """Return what each user drew `since`, and then between the turning points."""
    if not points:
        return {}
    windows = [window for user, times in points.items() for window in _windows(user, times, since)]
    users, starts, ends = zip(*windows, strict=True)
    rows = await connection.fetch(
        *_SQL.bind("drawn", user_ids=users, starts=starts, ends=ends, **viewer.parameters)
    )
    drawn: dict[str, list[int]] = {user: [] for user in points}
    for row in rows:
        drawn[windows[row["ordinality"] - 1].user_id].append(int(row["nano"]))
    return drawn


def _windows(user_id: str, points: Sequence[datetime], since: datetime) -> list[UserTimeRange]:
    """Return the time ranges of a user: from `since` on, and between the turning points."""
    ends = [*points[1:], NEVER]
    between = [UserTimeRange(user_id, *pair) for pair in zip(points, ends, strict=False)]
    return [UserTimeRange(user_id, since, NEVER), *between]


class BalanceAlertRow(NamedTuple):
    """An alert of a low balance to insert."""

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


class EndingAlertRow(NamedTuple):
    """An alert that a balance ends soon, to insert."""

    alert_id: UUID
    user_id: str
    triggered_at: datetime
    data: str


async def mark_endings(connection: Connection, ends_soon: Mapping[str, bool]) -> None:
    """Store whether the balances of users end soon; their settings are locked."""
    await connection.execute(
        *_SQL.bind("mark_endings", user_ids=list(ends_soon), ends_soon=list(ends_soon.values()))
    )


async def raise_ending_alerts(
    connection: Connection, alerts: Sequence[EndingAlertRow]
) -> list[int]:
    """Insert alerts, and return the indexes of those that are new."""
    if not alerts:
        return []
    names = ("alert_ids", "user_ids", "triggered_at", "data")
    columns = dict(zip(names, zip(*alerts, strict=True), strict=True))
    rows = await connection.fetch(*_SQL.bind("raise_endings", **columns))
    return [row["ordinality"] - 1 for row in rows]
