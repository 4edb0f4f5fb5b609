"""Reads and moves the totals of scopes in a transaction that has locked their users' settings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from ledger.budgets.scope_moves import ScopeMoves
from ledger.budgets.scoped import PERSONA, TAG, SpendScope
from ledger.budgets.windows import SpendWindow
from ledger.calls.call import Call
from ledger.calls.periods import quarter_of
from ledger.calls.roundings import decode_roundings
from ledger.calls.spend import (
    CHARGED,
    COST,
    REFUNDED,
    SpendPosting,
    settled_postings,
    spend_of,
)
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.alerts import SpendBasis

_SQL: Final = statements("budgets/scopes")
_TAGS: Final = statements("budgets/tags")
CALLS_AT_ONCE: Final = 2_000

_decode_sums: Final = msgspec.json.Decoder(dict[str, int]).decode


async def read_recorded(
    connection: Connection, call_ids: Collection[str], since: datetime
) -> dict[str, list[SpendPosting]]:
    """Return what the recorded events of calls add to spend since a time, by call."""
    found: dict[str, list[SpendPosting]] = {}
    if not call_ids:
        return found
    statement = _SQL.bind("recorded", call_ids=sorted(call_ids), since=since)
    for call_id, quarter, *sums in await connection.fetch(*statement):
        for kind, nano in zip((COST, CHARGED, REFUNDED), sums, strict=True):
            posting = SpendPosting(call_id, quarter, kind, nano, False)
            found.setdefault(call_id, []).append(posting)
    return found


async def move_scopes(
    connection: Connection, moves: ScopeMoves, windows: Sequence[SpendWindow], basis: SpendBasis
) -> list[int]:
    """Move the totals of scopes; returns the spend of each window before."""
    rows = [
        (user, *scope, quarter, *sums)
        for ((user, scope), quarter), sums in sorted(moves.sums.items())
        if any(sums)
    ]
    names = ("users", "dimensions", "values", "quarters", "costs", "charges", "refunds")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    moved = dict(zip(names, columns, strict=True))
    found = await connection.fetch(
        *_SQL.bind("move", **moved, **_window_columns(windows), by_cost=basis == "cost")
    )
    return [int(row["nano"]) for row in found]


async def read_windows(
    connection: Connection, windows: Sequence[SpendWindow], basis: SpendBasis
) -> list[int]:
    """Return the spend of windows of personas and tags, in nano-dollars."""
    if not windows:
        return []
    statement = _SQL.bind("spent", **_window_columns(windows), by_cost=basis == "cost")
    return [int(row["nano"]) for row in await connection.fetch(*statement)]


def _window_columns(windows: Iterable[SpendWindow]) -> dict[str, Sequence[object]]:
    names = ("window_users", "window_dimensions", "window_values", "starts", "ends")
    rows = [(w.user_id, *w.scope, w.start, w.end) for w in windows if w.scope is not None]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return dict(zip(names, columns, strict=True))


async def fill_scope(
    connection: Connection, viewer: Viewer, user_id: str, scope: SpendScope, since: datetime
) -> None:
    """Replace the totals of a scope of a user by the sums of its calls since a time."""
    await clear_scope(connection, viewer, user_id, scope)
    key = "" if scope.dimension == PERSONA else scope.dimension.removeprefix(TAG)
    of_scope = {"user_id": user_id, **viewer.parameters}
    calls = _SQL.bind("calls_of_scope", **of_scope, value=scope.value, tag_key=key, since=since)
    sums = await _sum_calls(connection, calls, since)
    if sums:
        costs, charges, refunds = zip(*sums.values(), strict=True)
        await connection.execute(
            *_SQL.bind(
                "fill_scope", **of_scope, **scope._asdict(), quarters=list(sums),
                costs=costs, charges=charges, refunds=refunds,
            )
        )  # fmt: skip


async def read_tag_spend(
    connection: Connection, scope: SpendScope, since: datetime, basis: SpendBasis
) -> int:
    """Return the spend of a tag over all users since a time, in nano-dollars.

    The totals of the tag are up to date (`ledger.budgets.tag_totals`).
    """
    key, first_day = scope.dimension.removeprefix(TAG), since.date()
    calls = _TAGS.bind("calls_since", tag_key=key, value=scope.value, first_day=first_day)
    sums = await _sum_calls(connection, calls, since)
    return sum(spend_of(spend, basis) for spend in sums.values())


async def _sum_calls(
    connection: Connection, statement: tuple[Any, ...], since: datetime
) -> dict[datetime, list[int]]:
    """Return what the calls of a statement add to spend since a time, by quarter of an hour."""
    sums: dict[datetime, list[int]] = {}
    cursor = await connection.cursor(*statement)
    while rows := await cursor.fetch(CALLS_AT_ONCE):
        calls = [
            Call(
                call_id=row["call_id"],
                first_at=row["first_at"],
                ended_at=row["ended_at"],
                infrastructure=_decode_sums(row["infrastructure"]),
                roundings=decode_roundings(row["roundings"]),
                default_charge_nano=row["default_charge_nano"],
                default_fee_nano=row["default_fee_nano"],
            )
            for row in rows
        ]
        recorded = await read_recorded(connection, [call.call_id for call in calls], since)
        for call in calls:
            for posting in (*recorded.get(call.call_id, ()), *settled_postings(call)):
                if posting.at >= since:
                    quarter = sums.setdefault(quarter_of(posting.at), [0, 0, 0])
                    quarter[posting.kind] += posting.nano
    return sums


async def clear_scope(
    connection: Connection, viewer: Viewer, user_id: str, scope: SpendScope
) -> None:
    """Delete the totals of a scope of a user."""
    of_scope = {"user_id": user_id, **viewer.parameters, **scope._asdict()}
    await connection.execute(*_SQL.bind("clear_scope", **of_scope))
