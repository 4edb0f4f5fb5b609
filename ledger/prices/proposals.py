"""Prices that wait for approval: kept apart from the catalogue, so that none prices an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.prices.changes import Large, change_percent
from ledger.prices.rows import FIELDS, PriceRow

_SQL: Final = statements("prices/proposals")

Decision = Literal["approved", "rejected"]


class Proposal(NamedTuple):
    """A price that waits, or waited, beside the one that would be in force without it.

    `price_id` is the row of the catalogue that it became.
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
        """By how much it differs; None where the price in force is nothing."""
        return change_percent(self.row, self.in_force)


class NoProposalError(Exception):
    """There is no proposal of that number."""


async def list_proposals(connection: Connection, service: str | None = None) -> list[Proposal]:
    """Return what waits for approval, of a service or of all, the oldest first."""
    return [_proposal(row) for row in await connection.fetch(_SQL["pending"], service)]


async def lock_proposal(connection: Connection, proposal_id: int) -> Proposal:
    """Return a proposal, locked to the end of the transaction; raises NoProposalError."""
    await connection.execute(_SQL["lock"], proposal_id)
    return await read_proposal(connection, proposal_id)


async def note_decision(
    connection: Connection, proposal_id: int, decision: Decision, decided_by: str
) -> None:
    """Note what was decided, and the row of the catalogue that an approved price became."""
    await connection.execute(_SQL["decide"], proposal_id, decision, decided_by)


async def propose(
    connection: Connection,
    large: Iterable[Large],
    said: Sequence[PriceRow],
    *,
    set_by: str,
    supersedes: bool,
) -> tuple[list[Proposal], int]:
    """Let large changes wait; returns what waits of them, and how many of those are new.

    What waits already is not proposed twice, and what was rejected beside the same price in force
    not again. With `supersedes`, whatever else `set_by` proposed for the keys `said` is replaced.
    """
    waiting: list[Proposal] = []
    new = 0
    kept: list[int] = []
    for one in large:
        row, price_id = one.row, one.in_force.price_id
        known = await connection.fetchrow(
            _SQL["known"], *row[:7], set_by if supersedes else None, row.effective_from, price_id
        )
        if known is None:
            known = await connection.fetchrow(_SQL["propose"], *row, set_by, price_id)
            new += 1
        assert known is not None  # noqa: S101 - an INSERT … RETURNING returns
        kept.append(known["proposal_id"])
        if known["state"] == "pending":
            waiting.append(await read_proposal(connection, known["proposal_id"]))
    if supersedes and said:
        await connection.execute(_SQL["replace"], *_key_columns(said), kept, set_by)
    return waiting, new


async def replace_known(
    connection: Connection, entered: Sequence[PriceRow], entered_by: str
) -> None:
    """Replace pending proposals that the entered rows have made superfluous."""
    if entered:
        await connection.execute(_SQL["replace_known"], *_key_columns(entered), entered_by)


def _key_columns(rows: Sequence[PriceRow]) -> list[list[str]]:
    keys = ((row.service, row.operation, row.model, row.unit) for row in rows)
    return [list(column) for column in zip(*keys, strict=True)]


async def read_proposal(connection: Connection, proposal_id: int) -> Proposal:
    """Return a proposal; raises NoProposalError."""
    row = await connection.fetchrow(_SQL["proposal"], proposal_id)
    if row is None:
        raise NoProposalError(proposal_id)
    return _proposal(row)


def _proposal(row: Record) -> Proposal:
    proposed = PriceRow(*(row[name] for name in FIELDS))
    current = proposed._replace(
        price_usd=row["in_force_usd"],
        per_units=row["in_force_per"],
        effective_from=row["in_force_from"],
        source=row["in_force_source"],
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
