"""Keeps the totals of tags over all users, which only budgets of all users need.

The settings of global budgets are locked meanwhile, so one process does it at a time. What each
call adds to a tag is stored: a changed call adds the difference, however often and in whatever
order changes are read. A batch names its changed calls in the transaction that changes them.

The calls of a new tag are read in parts, after all transactions have ended that may have changed
calls without naming them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Final, NamedTuple

from ledger.budgets.scoped import TAG, SpendScope, StoredBudget, decode_budgets, kept_scopes
from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements

CALLS_AT_ONCE: Final = 5_000
BATCHES_AT_ONCE: Final = 20
ROWS_AT_ONCE: Final = 20_000
SECONDS_MAX: Final = 0.5
"""How long `sum_tags` works before it returns, so that the next review is not late."""

KEPT_DAYS: Final = timedelta(days=401)
"""Older events are refused, so older periods do not change."""
_SPARE_DAYS: Final = timedelta(days=31)
"""Kept in addition, because a period of a kept day may have begun before it."""

_SQL: Final = statements("budgets/tags")


class TagScope(NamedTuple):
    """A tag with totals; `position` is the last call that was summed.

    `has_old_days`: days before `first_day` are stored, which no budget needs.
    """

    scope_id: int
    tag_key: str
    value: str
    first_day: date
    position: str
    is_summed: bool
    has_ended: bool
    has_old_days: bool

    @property
    def scope(self) -> SpendScope:
        return SpendScope(f"{TAG}{self.tag_key}", self.value)


async def summed_tags(connection: Connection) -> set[SpendScope]:
    """Return the tags whose totals contain all calls."""
    rows = await connection.fetch(_SQL["summed"])
    return {SpendScope(f"{TAG}{row['tag_key']}", row["value"]) for row in rows}


def is_unsummed(budget: StoredBudget, summed: Collection[SpendScope]) -> bool:
    """Return whether a budget is of a tag that is not among those with complete totals."""
    return budget.scope.selects_calls and budget.scope not in summed


async def apply_changes(connection: Connection) -> bool:
    """Add changed calls to the totals; returns whether these were all.

    The caller has locked the settings of global budgets, and commits before the next call.
    """
    rows = await connection.fetch(*_SQL.bind("take_changes", limit=BATCHES_AT_ONCE))
    if rows:
        current = [scope.scope_id for scope in await _scopes(connection) if not scope.has_ended]
        call_ids = {call_id for row in rows for call_id in row["call_ids"]}
        await _apply(connection, current, sorted(call_ids))
    return len(rows) < BATCHES_AT_ONCE


async def sum_tags(connection: Connection, now: datetime) -> bool:
    """Sum calls of new tags, and delete totals that no budget needs; returns whether all is done.

    Each part is a transaction of its own; after about `SECONDS_MAX` the rest is left for the next
    call. Raises OSError or a PostgreSQL error; earlier parts stay.
    """
    began = monotonic()
    while True:
        async with connection.transaction():
            row = await connection.fetchrow(_SQL["lock"])
            if row is None:
                return False
            wanted = kept_scopes(decode_budgets(row["budgets"]))
            progress = await _next_part(connection, wanted, now)
        if progress is not None:
            return progress
        if monotonic() - began > SECONDS_MAX:
            return False


async def _next_part(
    connection: Connection, wanted: Mapping[SpendScope, datetime], now: datetime
) -> bool | None:
    """Do one part; returns None if there may be another, else whether all is done."""
    scopes = await _scopes(connection)
    oldest = (now - KEPT_DAYS).date().replace(day=1) - _SPARE_DAYS
    first_days = {scope: max(since.date(), oldest) for scope, since in wanted.items()}
    current = {scope.scope: scope for scope in scopes if not scope.has_ended}
    if await _follow_budgets(connection, current, first_days):
        return None
    for scope in scopes:
        if await _forget(connection, scope, oldest):
            return None
    if not scopes:  # batches that began before may have named calls
        return await apply_changes(connection) or None
    unsummed = [scope for scope in scopes if not scope.is_summed]
    for scope in unsummed:
        if await connection.fetchval(*_SQL.bind("has_passed_barrier", scope_id=scope.scope_id)):
            await _sum_part(connection, scope)
            return None
    return not unsummed


async def _follow_budgets(
    connection: Connection,
    current: Mapping[SpendScope, TagScope],
    first_days: Mapping[SpendScope, date],
) -> bool:
    """Begin the totals of tags with a new budget, and end those without; returns whether any."""
    ended = [
        known.scope_id
        for scope, known in current.items()
        if scope not in first_days or first_days[scope] < known.first_day
    ]
    kept = {scope for scope, known in current.items() if known.scope_id not in ended}
    new = [scope for scope in first_days if scope not in kept]
    if ended:
        await connection.execute(*_SQL.bind("end_scopes", scope_ids=ended))
    if new:
        await connection.execute(
            *_SQL.bind(
                "add_scopes",
                tag_keys=[scope.dimension.removeprefix(TAG) for scope in new],
                values=[scope.value for scope in new],
                first_days=[first_days[scope] for scope in new],
            )
        )
    return bool(ended or new)


async def _forget(connection: Connection, scope: TagScope, oldest: date) -> bool:
    """Delete a part of what no budget needs; returns whether there was any."""
    of_scope = {"scope_id": scope.scope_id}
    if scope.has_ended:
        if await _delete_part(connection, scope, None) < ROWS_AT_ONCE:
            await connection.execute(*_SQL.bind("delete_scope", **of_scope))
        return True
    if scope.first_day < oldest:
        await connection.execute(*_SQL.bind("begin_later", **of_scope, first_day=oldest))
        return True
    if scope.has_old_days:
        if await _delete_part(connection, scope, scope.first_day) < ROWS_AT_ONCE:
            days = _SQL.bind("delete_days", **of_scope, before=scope.first_day)
            await connection.execute(*days)
        return True
    return False


async def _delete_part(connection: Connection, scope: TagScope, before: date | None) -> int:
    part = _SQL.bind("delete_part", scope_id=scope.scope_id, before=before, limit=ROWS_AT_ONCE)
    return affected_rows(await connection.execute(*part))


async def _sum_part(connection: Connection, scope: TagScope) -> None:
    """Sum the next calls of a tag."""
    following = _SQL.bind("next_calls", after=scope.position, limit=CALLS_AT_ONCE)
    call_ids = await connection.fetchval(*following)
    await _apply(connection, [scope.scope_id], call_ids)
    await connection.execute(
        *_SQL.bind(
            "store_position",
            scope_id=scope.scope_id,
            position=call_ids[-1] if call_ids else scope.position,
            is_summed=len(call_ids) < CALLS_AT_ONCE,
        )
    )


async def _scopes(connection: Connection) -> list[TagScope]:
    return [TagScope(*row) for row in await connection.fetch(_SQL["scopes"])]


async def _apply(connection: Connection, scope_ids: Sequence[int], call_ids: Sequence[str]) -> None:
    if scope_ids and call_ids:
        await connection.execute(*_SQL.bind("apply", scope_ids=scope_ids, call_ids=call_ids))
