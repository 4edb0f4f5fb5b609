"""Reads, lists and adds charge plans: all rows of a request, or none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ledger.charge_plans.plans import ChargePlan, PlanScope
from ledger.charge_plans.rows import PlanRow
from ledger.charge_plans.terms import PlanTerms
from ledger.postgres.database import Connection, Record, in_transaction
from ledger.postgres.statements import statements

_SQL: Final = statements("charge_plans/charge_plans")
_SCOPE: Final = PlanScope._fields
_TERMS: Final = PlanTerms.__struct_fields__

PlanState = Literal["in force", "future", "past"]


class ListedPlan(NamedTuple):
    """A plan with its state, and who entered it."""

    plan_id: int
    row: PlanRow
    state: PlanState
    set_by: str
    created_at: datetime


class PlanConflictError(Exception):
    """Plans contradict existing ones; `reasons` are sentences. Nothing changed."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class ReviewedPlans(NamedTuple):
    """The rows that are new, and the number of those that exist already."""

    new: list[PlanRow]
    known: int


async def read_plans(connection: Connection) -> list[ChargePlan]:
    """Return all plans."""
    return [
        ChargePlan(row["plan_id"], _scope(row), row["effective_from"], _terms(row))
        for row in await connection.fetch(_SQL["plans"])
    ]


async def list_plans(connection: Connection, *, at: datetime) -> list[ListedPlan]:
    """Return all plans with their state at a time, by scope and time."""
    return [
        ListedPlan(
            row["plan_id"],
            PlanRow(_scope(row), row["effective_from"], _terms(row), row["source"]),
            row["state"],
            row["set_by"],
            row["created_at"],
        )
        for row in await connection.fetch(*_SQL.bind("list", at=at))
    ]


async def review_plans(connection: Connection, rows: Sequence[PlanRow]) -> ReviewedPlans:
    """Return what `add_plans` would do, without changing anything; raises PlanConflictError."""
    known = {(plan.scope, plan.effective_from): plan.terms for plan in await read_plans(connection)}
    new: dict[tuple[PlanScope, datetime], PlanRow] = {}
    reasons: list[str] = []
    for row in rows:
        entered = known.get(row.key)
        if entered is None:
            entered = new.setdefault(row.key, row).terms
        if entered != row.terms:
            reasons.append(
                f"{row.name}: there is another plan of the same scope and time; a changed plan "
                "needs another effective_from."
            )
    if reasons:
        raise PlanConflictError(reasons)
    return ReviewedPlans([*new.values()], sum(row.key in known for row in rows))


async def add_plans(
    connection: Connection, rows: Sequence[PlanRow], *, set_by: str
) -> ReviewedPlans:
    """Add those rows that are new, in one transaction; raises PlanConflictError."""
    async with in_transaction(connection):
        await connection.execute(_SQL["one_at_a_time"])
        reviewed = await review_plans(connection, rows)
        plans = msgspec.json.encode([_stored(row) for row in reviewed.new]).decode()
        await connection.execute(*_SQL.bind("add", plans=plans, set_by=set_by))
    return reviewed


def _scope(row: Record) -> PlanScope:
    return PlanScope(*(row[name] for name in _SCOPE))


def _terms(row: Record) -> PlanTerms:
    return PlanTerms(**{name: row[name] for name in _TERMS})


def _stored(row: PlanRow) -> dict[str, Any]:
    """Return the columns of a row."""
    columns = row.scope._asdict() | msgspec.structs.asdict(row.terms)
    return columns | {"effective_from": row.effective_from, "source": row.source}
