"""Reads a user's prepaid credit for a viewer, and changes when the user is warned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.credits.balance import Balance
from ledger.credits.rows import ALL_USERS, Account, read_accounts
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.credits import GRANTS_MAX, GrantState

_SQL: Final = statements("credits/credits")

ALERTS_MAX: Final = 10


class GrantRow(NamedTuple):
    """A recorded grant; `void_reason` is None unless it is voided."""

    grant_id: str
    source: str
    event_id: str
    amount_nano: int
    priority: int
    granted_at: datetime
    expires_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    note: str | None
    void_reason: str | None


class CreditStatus(NamedTuple):
    """A user's credit at a time. `account` is None if no grant counts.

    `held_nano` is held for allowed calls; `alerts` are JSON, latest first.
    """

    account: Account | None
    grants: Sequence[GrantRow]
    low_balances_nano: Sequence[int] | None
    low_balance_days: int | None
    held_nano: int
    alerts: Sequence[str]
    ending_alerts: Sequence[str]
    now: datetime


class LowBalanceChange(NamedTuple):
    """When a user is warned: at these amounts, and `days` before the end unless it is None.

    `amounts` are changed only if `has_amounts`, and `days` only if `has_days`.
    """

    amounts: Sequence[int] = ()
    has_amounts: bool = False
    days: int | None = None
    has_days: bool = False


class ListedGrant(NamedTuple):
    """A grant as the command line lists it."""

    source: str
    event_id: str
    state: GrantState
    amount_nano: int
    remaining_nano: int
    priority: int
    granted_at: datetime
    expires_at: datetime | None
    note: str | None
    void_reason: str | None


def state_of(row: GrantRow, remaining_nano: int, now: datetime) -> GrantState:
    """Return the state of a grant at a time."""
    if row.void_reason is not None:
        return "voided"
    if row.ends_at <= now:
        return "expired"
    if row.starts_at > now:
        return "upcoming"
    return "valid" if remaining_nano else "used"


async def list_grants(connection: Connection, user_id: str, now: datetime) -> list[ListedGrant]:
    """Return a user's latest grants, for an operator."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        accounts = await read_accounts(connection, [user_id], now)
        of_user = {"user_id": user_id, **ALL_USERS.parameters}
        rows = await connection.fetch(*_SQL.bind("grants", **of_user, limit=GRANTS_MAX))
    balance = accounts[0].balance if accounts else Balance({}, {}, 0)
    listed = []
    for row in map(GrantRow._make, rows):
        remaining = balance.remaining.get(row.grant_id, 0)
        listed.append(
            ListedGrant(
                row.source,
                row.event_id,
                state_of(row, remaining, now),
                row.amount_nano,
                remaining,
                row.priority,
                row.granted_at,
                row.expires_at,
                row.note,
                row.void_reason,
            )
        )
    return listed


class Credits:
    """The prepaid credit of all users; `by_cost` says whether spend is the cost of calls."""

    def __init__(self, readers: ReaderPool, *, by_cost: bool) -> None:
        self._readers = readers
        self._by_cost = by_cost

    async def read(self, viewer: Viewer, user_id: str, now: datetime) -> CreditStatus:
        """Return a user's credit; an empty one for a viewer without access.

        Raises StoreUnavailableError.
        """
        async with self._readers.reading_snapshot(viewer) as connection:
            return await self._read(connection, viewer, user_id, now)

    async def change_low_balance(
        self, viewer: Viewer, user_id: str, change: LowBalanceChange, now: datetime
    ) -> CreditStatus:
        """Change when the user is warned; a worker reviews the balance soon.

        Raises StoreUnavailableError.
        """
        of_user = {"user_id": user_id, **viewer.parameters}
        async with self._readers.writing(viewer) as connection:
            values = {**change._asdict(), "now": now}
            if not change.has_amounts:
                values["amounts"] = None
            await connection.execute(*_SQL.bind("change_low_balance", **of_user, **values))
            return await self._read(connection, viewer, user_id, now)

    async def read_account(self, viewer: Viewer, user_id: str, now: datetime) -> Account | None:
        """Return a user's account; None if no grant counts.

        Raises StoreUnavailableError.
        """
        async with self._readers.reading_snapshot(viewer) as connection:
            accounts = await read_accounts(connection, [user_id], now, viewer)
            return accounts[0] if accounts else None

    async def _read(
        self, connection: Connection, viewer: Viewer, user_id: str, now: datetime
    ) -> CreditStatus:
        of_user = {"user_id": user_id, **viewer.parameters}
        accounts = await read_accounts(connection, [user_id], now, viewer)
        grants = await connection.fetch(*_SQL.bind("grants", **of_user, limit=GRANTS_MAX))
        rows = await connection.fetch(*_SQL.bind("low_balance", **of_user))
        low_balances_nano, low_balance_days = rows[0] if rows else (None, None)
        values = {"call_id": "", "now": now, "by_cost": self._by_cost}
        [held] = await connection.fetch(*_SQL.bind("held", **of_user, **values))
        latest = {**of_user, "limit": ALERTS_MAX}
        alerts = await connection.fetch(*_SQL.bind("alerts", **latest))
        endings = await connection.fetch(*_SQL.bind("ending_alerts", **latest))
        return CreditStatus(
            accounts[0] if accounts else None,
            [GrantRow(*row) for row in grants],
            low_balances_nano,
            low_balance_days,
            int(held["others_nano"]),
            [row["data"] for row in alerts],
            [row["data"] for row in endings],
            now,
        )
