"""Lists and adds prices: all rows of a request, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection, in_transaction
from ledger.postgres.statements import statements
from ledger.prices.changes import (
    OLD_SOURCE_AFTER,
    STALE_AFTER,
    ClassifiedRows,
    KnownPrice,
    LargeChange,
    classify_rows,
)
from ledger.prices.proposals import Proposal, key_columns, propose, replace_known
from ledger.prices.rows import PUBLICATION, RETIREMENT, STORED_COLUMNS, PriceKey, PriceRow

_SQL: Final = statements("prices/entry")

PriceState = Literal["in force", "future", "past"]
StaleReason = Literal["not_verified", "old_source"]
"""Why a price may be outdated: not verified for long, or its source has an old date."""


class ListedPrice(NamedTuple):
    """A row of the catalogue with its state, who entered it, and when it was verified."""

    row: PriceRow
    state: PriceState
    set_by: str
    price_id: int
    created_at: datetime
    verified_at: datetime

    def stale(self, at: datetime) -> StaleReason | None:
        """Return why a price in force or a future one may be outdated, if it may."""
        if self.state == "past":
            return None
        if self.verified_at + STALE_AFTER < at:
            return "not_verified"
        day = self.row.source_date
        return "old_source" if day is not None and day + OLD_SOURCE_AFTER < at.date() else None


class EntryResult(NamedTuple):
    """The result of entering rows.

    `added` and `verified` count rows; of the `pending` proposals, `proposed` are new.
    `contradicting` counts rows of a source that differ from the catalogue's price of the same date.
    """

    added: int
    verified: int
    pending: list[Proposal]
    proposed: int
    contradicting: int


class PriceConflictError(Exception):
    """Prices contradict what was entered or decided; `reasons` are sentences. Nothing changed."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


async def list_prices(
    connection: Connection, *, at: datetime, service: str | None = None
) -> list[ListedPrice]:
    """Return the prices of a service, or of all, with their state at the time `at`."""
    rows = await connection.fetch(*_SQL.bind("list", at=at, service=service))
    return [
        ListedPrice(
            PriceRow.from_stored(row),
            row["state"],
            row["set_by"],
            row["price_id"],
            row["created_at"],
            row["verified_at"],
        )
        for row in rows
    ]


async def enter_prices(
    connection: Connection,
    rows: Sequence[PriceRow],
    *,
    set_by: str,
    approved: bool = False,
    from_source: bool = False,
) -> EntryResult:
    """Add rows, verify known ones and propose large changes, in one transaction.

    `approved` and `from_source` are those of `classify_rows`. Raises PriceConflictError like
    `add_prices`.
    """
    async with in_transaction(connection):
        await connection.execute(_SQL["one_at_a_time"])
        classified = await _classify(connection, rows, approved=approved, from_source=from_source)
        added = await add_prices(connection, classified.accepted, set_by=set_by)
        await replace_known(connection, classified.accepted, set_by)
        if classified.verified:
            await _verify(connection, classified.verified)
        large = await _with_stored_prices(connection, classified.pending)
        pending, proposed = await propose(
            connection, large, rows, set_by=set_by, from_source=from_source
        )
    contradicting = len(classified.contradicting)
    return EntryResult(added, len(classified.verified), pending, proposed, contradicting)


async def _verify(connection: Connection, prices: Sequence[KnownPrice]) -> None:
    """Mark prices as verified now, with the retirement of their models and a dated source."""
    verified = _SQL.bind(
        "verify",
        price_ids=[price.price_id for price in prices],
        retires_on=[price.row.retires_on for price in prices],
        is_deprecated=[price.row.is_deprecated for price in prices],
    )
    await connection.execute(*verified)
    dated = {price.price_id: price.row for price in prices if price.row.source_date is not None}
    if dated:
        names = ("source", *PUBLICATION)
        columns = {name: [getattr(row, name) for row in dated.values()] for name in names}
        await connection.execute(*_SQL.bind("cite", price_ids=[*dated], **columns))


async def review_prices(connection: Connection, rows: Sequence[PriceRow]) -> ClassifiedRows:
    """Return what `enter_prices` would do with a source's prices, without changing anything."""
    return await _classify(connection, rows, approved=False, from_source=True)


async def _classify(
    connection: Connection, rows: Sequence[PriceRow], *, approved: bool, from_source: bool
) -> ClassifiedRows:
    known: dict[PriceKey, list[KnownPrice]] = {}
    for price in await _read_known_prices(connection, rows):
        known.setdefault(price.row.key, []).append(price)
    return classify_rows(rows, known, approved=approved, from_source=from_source)


async def _read_known_prices(connection: Connection, rows: Iterable[PriceRow]) -> list[KnownPrice]:
    """Return the catalogue's prices of the rows' keys."""
    found = await connection.fetch(*_SQL.bind("known", **key_columns(list(rows))))
    return [KnownPrice(row["price_id"], PriceRow.from_stored(row)) for row in found]


async def _with_stored_prices(
    connection: Connection, large: Sequence[LargeChange]
) -> list[LargeChange]:
    """Return large changes with the stored prices in force.

    A price that was entered in this transaction has an id only now.
    """
    rows = [change.row for change in large]
    stored = {price.row.dated_key: price for price in await _read_known_prices(connection, rows)}
    return [LargeChange(row, stored[current.row.dated_key]) for row, current in large]


async def add_prices(connection: Connection, rows: Sequence[PriceRow], *, set_by: str) -> int:
    """Add rows in one transaction; returns how many were new.

    Raises PriceConflictError if the catalogue has another price under the same key, or another
    class for a service: prices are added, never changed.
    """
    if not rows:
        return 0
    stored = [row.stored() for row in rows]
    columns = {name: [row[name] for row in stored] for name in STORED_COLUMNS}
    async with in_transaction(connection):
        details = {name: [row[name] for row in stored] for name in (*RETIREMENT, *PUBLICATION)}
        added = await connection.fetch(*_SQL.bind("add", **columns, **details, set_by=set_by))
        conflicts = await connection.fetch(*_SQL.bind("conflicts", **columns))
        reasons = [_conflict(rows[found["ordinality"] - 1], found["known"]) for found in conflicts]
        others = await connection.fetch(
            *_SQL.bind("other_classes", services=columns["service"], classes=columns["class"])
        )
        reasons += [f"{found['service']} is of class {found['class']}." for found in others]
        if reasons:
            raise PriceConflictError(reasons)
    return len(added)


def _conflict(row: PriceRow, known: str) -> str:
    return (
        f"{row.name}: the catalogue already has {known}, not {_stated(row)}; "
        "a changed price needs another effective_from."
    )


def _stated(row: PriceRow) -> str:
    price = f"{row.price_usd} per {row.per_units}"
    return f"{price} {'/'.join(map(str, row.increments))} s" if any(row.increments) else price
