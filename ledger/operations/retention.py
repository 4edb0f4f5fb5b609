"""Retention: removes records that no total needs any more, such as identities and old alerts.

One process runs it at a time. It removes batches of limited size, each in its own transaction, so
that it can stop at any time and delays no other session. It never removes totals or recorded
events: months of events are archived by command (`ledger.operations.archives`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from schemas.events import RERATE_SOURCE

_SQL: Final = statements("operations/retention")

BATCH_ROWS: Final = 5_000
BATCHES_MAX: Final = 400
"""The maximum number of batches of a subject per run; the rest waits for the next run."""
PAGES_AT_ONCE: Final = 500
RUNS_A_PASS: Final = 100
"""The identities are scanned completely once in this many runs."""

SPAN_DAYS: Final = 30
"""How long costs of spans are compared with other reports of their trace."""

Subject = Literal[
    "identities",
    "archived_costs",
    "dead_letters",
    "price_proposals",
    "price_refreshes",
    "alerts",
    "cutoffs",
    "commands",
    "anomalies",
    "notifications",
    "span_costs",
    "attached_traces",
    "totals",
]
SUBJECTS: Final[tuple[Subject, ...]] = get_args(Subject)

Stopped = Callable[[], bool]
"""Returns whether the process is stopping."""


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """How many days each kind of data is kept."""

    identities: int
    dead_letters: int
    price_proposals: int
    price_refreshes: int
    alerts: int
    anomalies: int
    notifications: int
    totals: int

    def by_statement(self) -> Iterator[tuple[Subject, int]]:
        """Yield each subject that a statement of its name removes, with its days."""
        yield "dead_letters", self.dead_letters
        yield "price_proposals", self.price_proposals
        yield "price_refreshes", self.price_refreshes
        yield "alerts", self.alerts
        yield "cutoffs", self.alerts
        yield "commands", self.alerts
        yield "anomalies", self.anomalies
        yield "notifications", self.notifications
        yield "span_costs", SPAN_DAYS
        yield "attached_traces", SPAN_DAYS


async def lock_retention(connection: Connection, interval_seconds: int) -> bool:
    """Return whether a run is due and this process may do it, until the connection is closed."""
    if not await connection.fetchval(_SQL["lock_retention"]):
        return False
    return bool(await connection.fetchval(*_SQL.bind("is_due", interval_seconds=interval_seconds)))


async def remove_old(
    connection: Connection, days: RetentionDays, now: datetime, stopped: Stopped = lambda: False
) -> dict[Subject, int]:
    """Remove what is older than its days, until `stopped`; returns the removed rows by subject.

    Raises a PostgreSQL error; what was removed before stays removed and counted.
    """
    removed: dict[Subject, int] = {}
    for subject, days_kept in days.by_statement():
        removed[subject] = await _remove_batches(
            connection, subject, now - timedelta(days=days_kept), stopped
        )
    oldest = now - timedelta(days=days.identities)
    removed["archived_costs"] = await _remove_archived_costs(connection, oldest, stopped)
    removed["identities"] = await _remove_identities(connection, oldest, stopped)
    return removed


async def _remove_batches(
    connection: Connection, subject: Subject, before: datetime, stopped: Stopped
) -> int:
    total = 0
    for _ in range(BATCHES_MAX):
        async with connection.transaction():
            removed = affected_rows(
                await connection.execute(*_SQL.bind(subject, before=before, limit=BATCH_ROWS))
            )
            await store_progress(connection, subject, removed)
        total += removed
        if removed < BATCH_ROWS or stopped():
            break
    return total


async def _remove_identities(connection: Connection, before: datetime, stopped: Stopped) -> int:
    """Remove from a share of the pages: an index by age would slow down every counted event."""
    pages = int(await connection.fetchval(_SQL["identity_pages"]))
    start = int(await read_progress(connection, "identities") or 0)
    if start >= pages:
        start = 0
    share = max(PAGES_AT_ONCE, pages // RUNS_A_PASS)
    end, total = min(pages, start + share), 0
    while start < end and not stopped():
        following = min(end, start + PAGES_AT_ONCE)
        async with connection.transaction():
            status = await connection.execute(
                *_SQL.bind("identities", before=before, first_page=start, next_page=following)
            )
            await store_progress(connection, "identities", affected_rows(status), str(following))
        total += affected_rows(status)
        start = following
    return total


async def _remove_archived_costs(connection: Connection, before: datetime, stopped: Stopped) -> int:
    """Remove the details of archived costs that no void can name any more."""
    await connection.execute(*_SQL.bind("expire_costs", before=before))
    total = batches = 0
    for row in await connection.fetch(_SQL["expired_seals"]):
        while batches < BATCHES_MAX and not stopped():
            batches += 1
            found, removed = await _remove_costs(connection, row["seal_id"])
            total += removed
            if found < BATCH_ROWS:
                await connection.execute(*_SQL.bind("costs_removed", seal_id=row["seal_id"]))
                break
    await store_progress(connection, "archived_costs", 0)
    return total


async def _remove_costs(connection: Connection, seal_id: int) -> tuple[int, int]:
    async with connection.transaction():
        rows = await connection.fetch(
            *_SQL.bind(
                "lock_expired_costs", seal_id=seal_id, limit=BATCH_ROWS, source=RERATE_SOURCE
            )
        )
        identities, call_ids = [row["identity"] for row in rows], [row["call_id"] for row in rows]
        status = await connection.execute(
            *_SQL.bind("remove_expired_costs", identities=identities, call_ids=call_ids)
        )
        await store_progress(connection, "archived_costs", affected_rows(status))
    return len(rows), affected_rows(status)


async def store_progress(
    connection: Connection, subject: Subject, removed: int, position: str = ""
) -> None:
    """Count removed rows, and store where the next run continues."""
    await connection.execute(
        *_SQL.bind("store_progress", subject=subject, removed=removed, position=position)
    )


async def read_progress(connection: Connection, subject: Subject) -> str:
    """Return where the next run continues; empty at the beginning."""
    return str(await connection.fetchval(*_SQL.bind("position", subject=subject)) or "")
