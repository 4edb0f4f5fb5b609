"""Stores vendors' bills: each file once, with the user who imported it, until it is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/bills")


class BillLine(NamedTuple):
    """A vendor's charge for a UTC day; a negative amount, in nano-dollars, is a credit."""

    line: int
    service: str
    day: date
    quantity: Decimal | None
    amount_nano: int


class BillImport(NamedTuple):
    """The result of an import: the number of added `lines`, 0 if the file was imported before.

    `was_withdrawn` means that a withdrawn bill counts again. `shared_days` is the number of days of
    a service for which other bills have lines, too; all lines are added up.
    """

    bill_id: int
    lines: int
    was_withdrawn: bool
    shared_days: int


class ListedBill(NamedTuple):
    """A bill and its sum in nano-dollars."""

    bill_id: int
    name: str
    imported_by: str
    imported_at: datetime
    withdrawn: bool
    lines: int
    first_day: date
    last_day: date
    services: list[str]
    amount_nano: int


async def import_bill(
    connection: Connection, digest: bytes, name: str, lines: Sequence[BillLine], imported_by: str
) -> BillImport:
    """Store a bill, all of it or nothing; importing the same file again changes nothing."""
    async with connection.transaction():
        bill_id = await connection.fetchval(
            *_SQL.bind("add", digest=digest, name=name, imported_by=imported_by)
        )
        if bill_id is None:
            return await _find_import(connection, digest)
        numbers, services, days, quantities, amounts = zip(*lines, strict=True)
        add_lines = _SQL.bind(
            "add_lines",
            bill_id=bill_id,
            lines=numbers,
            services=services,
            days=days,
            quantities=quantities,
            amounts=amounts,
        )
        await connection.execute(*add_lines)
        shared = await connection.fetchval(*_SQL.bind("shared_days", bill_id=bill_id))
        return BillImport(bill_id, len(lines), was_withdrawn=False, shared_days=shared)


async def _find_import(connection: Connection, digest: bytes) -> BillImport:
    [row] = await connection.fetch(*_SQL.bind("known", digest=digest))
    bill_id, was_withdrawn = row["bill_id"], row["withdrawn_at"] is not None
    if was_withdrawn:
        await connection.execute(*_SQL.bind("count_again", bill_id=bill_id))
    shared = await connection.fetchval(*_SQL.bind("shared_days", bill_id=bill_id))
    return BillImport(bill_id, 0, was_withdrawn, shared)


async def withdraw_bill(connection: Connection, bill_id: int) -> bool:
    """Withdraw a bill; returns whether there was one that counted."""
    return affected_rows(await connection.execute(*_SQL.bind("withdraw", bill_id=bill_id))) == 1


async def list_bills(connection: Connection) -> list[ListedBill]:
    """Return all bills in the order of their import."""
    rows = await connection.fetch(_SQL["list"])
    return [ListedBill(**(dict(row) | {"amount_nano": int(row["amount_nano"])})) for row in rows]
