"""Stores checks for anomalies until they are due, so that a restart loses none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("recording/pending_checks")

CheckKind = Literal["call", "day"]


class CheckKey(NamedTuple):
    """The call or the user's day to check: `subject` is a call id or a UTC day (2026-11-22)."""

    user_id: str
    kind: CheckKind
    subject: str


class PendingCheck(NamedTuple):
    """A stored check and the last change of its subject."""

    key: CheckKey
    changed_at: datetime


async def add_checks(
    connection: Connection, checks: Collection[CheckKey], changed_at: datetime
) -> None:
    """Store checks, each due a grace period after the last change of its subject."""
    if checks:
        await connection.execute(*_SQL.bind("add", **_columns(list(checks)), changed_at=changed_at))


async def read_due(connection: Connection, before: datetime, limit: int) -> list[PendingCheck]:
    """Return up to `limit` checks whose subjects did not change after `before`, oldest first."""
    rows = await connection.fetch(*_SQL.bind("due", before=before, limit=limit))
    return [PendingCheck(CheckKey(*row[:3]), row["changed_at"]) for row in rows]


async def remove_checks(connection: Connection, checks: Sequence[PendingCheck]) -> None:
    """Remove completed checks, except those whose subject has changed since."""
    if checks:
        moments = [check.changed_at for check in checks]
        await connection.execute(
            *_SQL.bind("remove", **_columns([check.key for check in checks]), moments=moments)
        )


def _columns(keys: Sequence[CheckKey]) -> dict[str, Sequence[str]]:
    user_ids, kinds, subjects = zip(*keys, strict=True)
    return {"user_ids": user_ids, "kinds": kinds, "subjects": subjects}
