"""What a call may draw from the prepaid balance, beside the holds of other calls."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.credits.rows import read_accounts
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

_SQL: Final = statements("credits/credits")


class PrepaidUse(NamedTuple):
    """A prepaid balance, and what is held of it for other calls and for this one; nano-dollars."""

    balance_nano: int
    others_nano: int
    held_nano: int

    @property
    def left_nano(self) -> int:
        """What this call may be charged; negative if there is a debt."""
        return self.balance_nano - self.others_nano

    def refuses(self, charge_nano: int) -> bool:
        """Return whether a charge is refused: more than is left, unless the call holds as much."""
        if self.left_nano <= 0 and not self.held_nano:
            return True
        return charge_nano > self.left_nano and charge_nano > self.held_nano


async def raise_held_charge(
    connection: Connection, viewer: Viewer, call_id: str, charge_nano: int
) -> None:
    """Raise the held charge of a call to its expected charge, if budgets follow the cost."""
    values = {"user_id": viewer.user_id, "call_id": call_id, "charge_nano": charge_nano}
    await connection.execute(*_SQL.bind("raise_held_charge", **values, **viewer.parameters))


async def read_prepaid_use(
    connection: Connection, viewer: Viewer, call_id: str, now: datetime, *, by_cost: bool
) -> PrepaidUse | None:
    """Return the use of the viewer's balance; None if no grant counts.

    The viewer's settings are locked. If `by_cost`, budgets follow the cost, and holds also have the
    expected charge.
    """
    user_id = viewer.user_id
    accounts = await read_accounts(connection, [user_id], now, viewer)
    if not accounts:
        return None
    values = {"user_id": user_id, "call_id": call_id, "now": now, "by_cost": by_cost}
    [row] = await connection.fetch(*_SQL.bind("held", **values, **viewer.parameters))
    return PrepaidUse(accounts[0].balance.nano, int(row["others_nano"]), int(row["held_nano"]))
