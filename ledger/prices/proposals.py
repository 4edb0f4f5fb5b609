"""Price proposals, stored apart from the catalogue, so that they price no event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.prices.changes import LargeChange, change_percent
from ledger.prices.increments import Increments
from ledger.prices.rows import STORED_COLUMNS, PriceRow

_SQL: Final = statements("prices/proposals")

Decision = Literal["approved", "rejected"]


class Proposal(NamedTuple):
    """A proposed price, with the price in force without it.

    `price_id` is the row of the catalogue that an approved proposal became.
    """

    proposal_id: int
    row: PriceRow
    set_by: str
    proposed_at: datetime
    state: Literal["pending", "approved", "rejected", "replaced"]
    in_force: PriceRow
    decided_by: str | None = None
    price_id: int | None = None

    @property
    def percent(self) -> Decimal | None:
        """The change in percent; None if the price in force is zero."""
        return change_percent(self.row, self.in_force)


class NoProposalError(Exception):
    """There is no proposal with that number."""


async def list_proposals(connection: Connection, service: str | None = None) -> list[Proposal]:
    """Return pending proposals of a service or of all, oldest first."""
    return [
        _proposal(row) for row in await connection.fetch(*_SQL.bind("pending", service=service))
    ]


async def lock_proposal(connection: Connection, proposal_id: int) -> Proposal:
    """Return a proposal, locked to the end of the transaction; raises NoProposalError."""
    await connection.execute(*_SQL.bind("lock", proposal_id=proposal_id))
    return await read_proposal(connection, proposal_id)


async def store_decision(
    connection: Connection, proposal_id: int, decision: Decision, decided_by: str
) -> None:
    """Store a decision, and the row of the catalogue that an approved price became."""
    await connection.execute(
        *_SQL.bind("decide", proposal_id=proposal_id, decision=decision, decided_by=decided_by)
    )


async def propose(
    connection: Connection,
    changes: Iterable[LargeChange],
    rows: Sequence[PriceRow],
    *,
    set_by: str,
    from_source: bool,
) -> tuple[list[Proposal], int]:
    """Propose large changes; returns the pending ones, and how many of them are new.

    A pending price is not proposed twice. If the rows are from a price source, a rejected price is
    proposed again only after the price in force has changed, and other proposals of the source for
    the keys of `rows` are replaced.
    """
    pending: list[Proposal] = []
    new = 0
    kept: list[int] = []
    for change in changes:
        row, price_id = change.row, change.in_force.price_id
        fields = row.stored()
        proposed_before = _SQL.bind(
            "known",
            **{name: fields[name] for name in STORED_COLUMNS if name != "source"},
            refreshed_by=set_by if from_source else None,
            in_force_price_id=price_id,
        )
        known = await connection.fetchrow(*proposed_before)
        if known is None:
            new_proposal = _SQL.bind("propose", **fields, set_by=set_by, in_force_price_id=price_id)
            known = await connection.fetchrow(*new_proposal)
            new += 1
        assert known is not None  # noqa: S101 - an INSERT … RETURNING returns
        kept.append(known["proposal_id"])
        if known["state"] == "pending":
            pending.append(await read_proposal(connection, known["proposal_id"]))
    if from_source and rows:
        await connection.execute(
            *_SQL.bind("replace", **key_columns(rows), kept=kept, set_by=set_by)
        )
    return pending, new


async def replace_known(
    connection: Connection, entered: Sequence[PriceRow], entered_by: str
) -> None:
    """Replace pending proposals whose price is in force through the entered rows."""
    if entered:
        await connection.execute(
            *_SQL.bind("replace_known", **key_columns(entered), entered_by=entered_by)
        )


def key_columns(rows: Sequence[PriceRow]) -> dict[str, list[str]]:
    """Return the keys of rows as arguments of a statement, one list for each column."""
    return {
        "service": [row.service for row in rows],
        "operation": [row.operation for row in rows],
        "model": [row.model for row in rows],
        "unit": [row.stored_unit for row in rows],
    }


async def read_proposal(connection: Connection, proposal_id: int) -> Proposal:
    """Return a proposal; raises NoProposalError."""
    row = await connection.fetchrow(*_SQL.bind("proposal", proposal_id=proposal_id))
    if row is None:
        raise NoProposalError(proposal_id)
    return _proposal(row)


def _proposal(row: Record) -> Proposal:
    proposed = PriceRow.from_stored(row)
    current = proposed._replace(
        price_usd=row["in_force_usd"],
        per_units=row["in_force_per"],
        effective_from=row["in_force_from"],
        source=row["in_force_source"],
        source_url="",
        source_date=None,
        increments=Increments(row["in_force_minimum"], row["in_force_increment"]),
    )
    return Proposal(
        row["proposal_id"],
        proposed,
        row["set_by"],
        row["proposed_at"],
        row["state"],
        current,
        row["decided_by"],
        row["price_id"],
    )
