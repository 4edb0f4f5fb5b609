"""Reads and changes what users allow themselves to spend, and says how much of it is spent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from ledger.store.database import Connection
from ledger.store.reading import ReaderPool, Viewer
from ledger.store.sql import statements

_SQL: Final = statements("budgets")

BudgetBasis = Literal["charged", "cost"]
"""Whether a user's spend is what the user is charged, or what the calls cost."""

_STANDINGS: Final[dict[BudgetBasis, str]] = {
    "charged": "standing_by_charge",
    "cost": "standing_by_cost",
}


class Change(NamedTuple):
    """What to change: a pair of whether, and to what. Limits in nano-dollars, None for no limit."""

    daily_limit: tuple[bool, int | None] = (False, None)
    monthly_limit: tuple[bool, int | None] = (False, None)
    alert_threshold_percent: tuple[bool, Decimal | None] = (False, None)


class Standing(NamedTuple):
    """A user's limits and spend in nano-dollars; a limit of None is no limit."""

    daily_limit_nano: int | None
    monthly_limit_nano: int | None
    alert_threshold_percent: Decimal
    daily_spend_nano: int
    monthly_spend_nano: int


class Budgets:
    """The budgets of all users, on one basis and with one default threshold."""

    def __init__(
        self, readers: ReaderPool, basis: BudgetBasis, default_threshold_percent: int
    ) -> None:
        self._readers = readers
        self._standing = _SQL[_STANDINGS[basis]]
        self._default_threshold_percent = Decimal(default_threshold_percent)

    async def standing(self, viewer: Viewer, user_id: str, today: date) -> Standing:
        """Return where a user stands on a UTC day; raises StoreUnavailableError.

        A viewer who may not see the user is shown a user without limits or spend.
        """
        async with self._readers.reading(viewer) as connection:
            return await self._read(connection, viewer, user_id, today)

    async def change(self, viewer: Viewer, user_id: str, change: Change, today: date) -> Standing:
        """Change a user's settings and return where that leaves the user.

        A viewer who may not see the user changes nothing. Raises StoreUnavailableError.
        """
        async with self._readers.writing(viewer) as connection:
            if change != Change():
                await connection.execute(
                    _SQL["change"],
                    user_id,
                    *viewer,
                    *change.daily_limit,
                    *change.monthly_limit,
                    *change.alert_threshold_percent,
                    self._default_threshold_percent,
                )
            return await self._read(connection, viewer, user_id, today)

    async def _read(
        self, connection: Connection, viewer: Viewer, user_id: str, today: date
    ) -> Standing:
        first = today.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        [row] = await connection.fetch(self._standing, user_id, *viewer, today, first, following)
        threshold = row["alert_threshold_percent"]
        return Standing(
            row["daily_limit_nano"],
            row["monthly_limit_nano"],
            self._default_threshold_percent if threshold is None else threshold,
            int(row["today_nano"]),
            int(row["month_nano"]),
        )
