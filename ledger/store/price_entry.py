"""The price catalogue for people: what is in it, and adding rows to it, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ledger.price_rows import FIELDS, PriceRow
from ledger.store.database import Connection
from ledger.store.sql import statements

_SQL: Final = statements("price_entry")

State = Literal["in force", "future", "past"]


class ListedPrice(NamedTuple):
    """A row of the catalogue, whether it is in force, and who entered it."""

    row: PriceRow
    state: State
    set_by: str


class PriceConflictError(Exception):
    """Rows contradict the catalogue; `reasons` has a sentence for each. Nothing was added."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


async def list_prices(
    connection: Connection, *, at: datetime, service: str | None = None
) -> list[ListedPrice]:
    """Return all prices of a service, or of all, with their state at the time `at`."""
    rows = await connection.fetch(_SQL["list"], at, service)
    return [
        ListedPrice(PriceRow(*(row[name] for name in FIELDS)), row["state"], row["set_by"])
        for row in rows
    ]


async def add_prices(connection: Connection, rows: Sequence[PriceRow], *, set_by: str) -> int:
    """Add rows in one transaction and return how many were new; one that is there already is none.

    Raises PriceConflictError where the catalogue has another price under the same key, or knows a
    service as one of another class: prices are added, never changed.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return 0
    async with connection.transaction():
        added = await connection.fetch(_SQL["add"], *columns, set_by)
        conflicts = await connection.fetch(_SQL["conflicts"], *columns)
        reasons = [_conflict(rows[found["place"] - 1], found["known"]) for found in conflicts]
        others = await connection.fetch(_SQL["other_classes"], columns[0], columns[1])
        reasons += [f"{found['service']} is of class {found['class']}." for found in others]
        if reasons:
            raise PriceConflictError(reasons)
    return len(added)


def _conflict(row: PriceRow, known: str) -> str:
    return (
        f"{row.name}: the catalogue has {known} already, not {row.price_usd} per {row.per_units}; "
        "a changed price needs another effective_from."
    )
