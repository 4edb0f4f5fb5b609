"""The price catalogue for people: what is in it, and adding rows to it, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection, Record, in_transaction
from ledger.postgres.statements import statements
from ledger.prices.changes import (
    STALE_AFTER,
    ClassifiedRows,
    KnownPrice,
    LargeChange,
    PriceKey,
    classify_rows,
    key_of,
)
from ledger.prices.proposals import Proposal, key_columns, propose, replace_known
from ledger.prices.rows import FIELDS, PriceRow

_SQL: Final = statements("prices/entry")

State = Literal["in force", "future", "past"]


class ListedPrice(NamedTuple):
    """A row of the catalogue, whether it is in force, who entered it, and when it was verified."""

    row: PriceRow
    state: State
    set_by: str
    price_id: int
    created_at: datetime
    verified_at: datetime

    def stale(self, at: datetime) -> bool:
        """Return whether a price in force was not verified for long."""
        return self.state != "past" and self.verified_at + STALE_AFTER < at


class EntryResult(NamedTuple):
    """What entering rows came to.

    `added` and `verified` count rows; `waiting` are proposals, of which `proposed` are new.
    """

    added: int
    verified: int
    waiting: list[Proposal]
    proposed: int


class PriceConflictError(Exception):
    """Rows contradict the catalogue; `reasons` has a sentence for each. Nothing was added."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


async def list_prices(
    connection: Connection, *, at: datetime, service: str | None = None
) -> list[ListedPrice]:
    """Return all prices of a service, or of all, with their state at the time `at`."""
    rows = await connection.fetch(*_SQL.bind("list", at=at, service=service))
    return [
        ListedPrice(
            _price_row(row),
            row["state"],
            row["set_by"],
            row["price_id"],
            row["created_at"],
            row["verified_at"],
        )
        for row in rows
    ]


def _price_row(row: Record) -> PriceRow:
    return PriceRow(*(row[name] for name in FIELDS))


async def enter_prices(
    connection: Connection,
    rows: Sequence[PriceRow],
    *,
    set_by: str,
    approved: bool = False,
    confirms: bool = False,
) -> EntryResult:
    """Add rows, verify those that are known, and let large changes wait, in one transaction.

    `approved` lets large changes through; `confirms` is for sources, see
    `ledger.prices.changes.classify_rows`. Raises PriceConflictError as `add_prices` does.
    """
    async with in_transaction(connection):
        await connection.execute(_SQL["one_at_a_time"])
        sorted_out = await _sort_out(connection, rows, approved=approved, confirms=confirms)
        added = await add_prices(connection, sorted_out.add, set_by=set_by)
        await replace_known(connection, sorted_out.add, set_by)
        if sorted_out.verified:
            ids = [known.price_id for known in sorted_out.verified]
            await connection.execute(*_SQL.bind("verify", price_ids=ids))
        wait = await _beside_entered(connection, sorted_out.wait)
        waiting, proposed = await propose(
            connection, wait, rows, set_by=set_by, supersedes=confirms
        )
    return EntryResult(added, len(sorted_out.verified), waiting, proposed)


async def review_prices(connection: Connection, rows: Sequence[PriceRow]) -> ClassifiedRows:
    """Say what `enter_prices` would do with what a source says, and change nothing."""
    return await _sort_out(connection, rows, approved=False, confirms=True)


async def _sort_out(
    connection: Connection, rows: Sequence[PriceRow], *, approved: bool, confirms: bool
) -> ClassifiedRows:
    known: dict[PriceKey, list[KnownPrice]] = {}
    for price in await _known(connection, rows):
        known.setdefault(key_of(price.row), []).append(price)
    return classify_rows(rows, known, approved=approved, confirms=confirms)


async def _known(connection: Connection, rows: Iterable[PriceRow]) -> list[KnownPrice]:
    """Return the catalogue's prices of the keys of some rows."""
    found = await connection.fetch(*_SQL.bind("known", **key_columns(list(rows))))
    return [KnownPrice(row["price_id"], _price_row(row)) for row in found]


async def _beside_entered(
    connection: Connection, large: Sequence[LargeChange]
) -> list[LargeChange]:
    """Return large changes, each beside the row of the catalogue that is in force without it.

    That may be one which was entered together with it, and has its id only since.
    """
    entered = {price.row.key: price for price in await _known(connection, [w.row for w in large])}
    return [LargeChange(row, entered[current.row.key]) for row, current in large]


async def add_prices(connection: Connection, rows: Sequence[PriceRow], *, set_by: str) -> int:
    """Add rows in one transaction and return how many were new; one that is there already is none.

    Raises PriceConflictError where the catalogue has another price under the same key, or knows a
    service as one of another class: prices are added, never changed.
    """
    if not rows:
        return 0
    columns = dict(zip(FIELDS, zip(*rows, strict=True), strict=True))
    async with in_transaction(connection):
        added = await connection.fetch(*_SQL.bind("add", **columns, set_by=set_by))
        conflicts = await connection.fetch(*_SQL.bind("conflicts", **columns))
        reasons = [_conflict(rows[found["place"] - 1], found["known"]) for found in conflicts]
        others = await connection.fetch(
            *_SQL.bind("other_classes", services=columns["service"], classes=columns["class"])
        )
        reasons += [f"{found['service']} is of class {found['class']}." for found in others]
        if reasons:
            raise PriceConflictError(reasons)
    return len(added)


def _conflict(row: PriceRow, known: str) -> str:
    return (
        f"{row.name}: the catalogue has {known} already, not {row.price_usd} per {row.per_units}; "
        "a changed price needs another effective_from."
    )
