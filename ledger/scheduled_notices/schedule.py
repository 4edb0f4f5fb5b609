"""Writes scheduled messages that are due, a few users at a time, in any number of processes.

Each step is one transaction: it locks due rows of the schedule, skips those that another process
has locked, writes their messages and their next times. A step that fails is repeated as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, get_args

from ledger.notifications.notices import Notice, add_notices
from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from ledger.scheduled_notices.digests import DigestRequest, read_digests
from ledger.scheduled_notices.limit_forecasts import read_limit_forecasts
from ledger.scheduled_notices.times import ScheduledKind, digest_window, next_due
from ledger.scheduled_notices.unpriced import read_unpriced
from schemas.alerts import SpendBasis

_SQL: Final = statements("scheduled_notices/schedule")

USERS_AT_ONCE: Final = 100


class DueRow(NamedTuple):
    """A due row. A new digest is only scheduled; a row that no channel wants is removed."""

    kind: ScheduledKind
    user_id: str
    is_new: bool
    is_wanted: bool
    zone: str


class ScheduleStep(NamedTuple):
    """The result of a step; `more` says that more rows may be due."""

    checked: int
    written: int
    more: bool


async def add_schedule_rows(connection: Connection) -> int:
    """Add the users whose channels want scheduled messages; returns the number of new rows.

    Runs in the caller's transaction. Adds none while another process does it.
    """
    if not await connection.fetchval(_SQL["lock_schedule_rows"]):
        return 0
    return affected_rows(
        await connection.execute(*_SQL.bind("add_schedule_rows", kinds=get_args(ScheduledKind)))
    )


async def run_step(connection: Connection, basis: SpendBasis, now: datetime) -> ScheduleStep:
    """Write the messages of the next due rows, in the caller's transaction."""
    rows = [DueRow(*row) for row in await connection.fetch(*_SQL.bind("take", limit=USERS_AT_ONCE))]
    wanted = [row for row in rows if row.is_wanted]
    due = [row for row in wanted if not (row.is_new and row.kind.endswith("digest"))]
    written = await add_notices(connection, await _notices(connection, due, basis, now))
    await _store_next(connection, wanted, now)
    unwanted = [row for row in rows if not row.is_wanted]
    if unwanted:
        kinds, users = [row.kind for row in unwanted], [row.user_id for row in unwanted]
        await connection.execute(*_SQL.bind("drop", kinds=kinds, user_ids=users))
    return ScheduleStep(len(rows), written, more=len(rows) == USERS_AT_ONCE)


async def _notices(
    connection: Connection, due: Sequence[DueRow], basis: SpendBasis, now: datetime
) -> list[Notice]:
    digests = [
        DigestRequest(row.kind, row.user_id, row.zone, digest_window(row.kind, row.zone, now))
        for row in due
        if row.kind == "daily_digest" or row.kind == "weekly_digest"
    ]
    forecasts = [row.user_id for row in due if row.kind == "forecast"]
    notices = await read_digests(connection, digests)
    notices += await read_limit_forecasts(connection, forecasts, basis, now)
    if any(row.kind == "unpriced" for row in due):
        notices += await read_unpriced(connection)
    return notices


async def _store_next(connection: Connection, rows: Sequence[DueRow], now: datetime) -> None:
    if not rows:
        return
    await connection.execute(
        *_SQL.bind(
            "reschedule",
            kinds=[row.kind for row in rows],
            user_ids=[row.user_id for row in rows],
            due_at=[next_due(row.kind, row.user_id, row.zone, now) for row in rows],
        )
    )
