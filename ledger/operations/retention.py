"""Removes what no total needs any more: identities, dead letters, alerts and other old records.

One process does it at a time, in batches of a bounded size, each in a transaction of its own, so
that it may be stopped at any moment and delays no other session. Totals and recorded events are
never removed here: months of events are archived by command (`ledger.operations.archives`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from ledger.postgres.database import Connection, affected
from ledger.postgres.statements import statements
from schemas.events import RERATE_SOURCE

_SQL: Final = statements("operations/retention")

BATCH_ROWS: Final = 5_000
BATCHES_MAX: Final = 400
"""Batches of one subject in one run; what is left waits for the next."""
PAGES_AT_ONCE: Final = 500
RUNS_A_PASS: Final = 100
"""The identities are looked through once in so many runs."""

Subject = Literal[
    "identities",
    "archived_costs",
    "dead_letters",
    "price_proposals",
    "price_refreshes",
    "alerts",
    "cutoffs",
    "anomalies",
    "notifications",
    "totals",
]
SUBJECTS: Final[tuple[Subject, ...]] = get_args(Subject)

Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """For how many days each kind of data is kept."""

    identities: int = 430
    dead_letters: int = 400
    price_proposals: int = 730
    price_refreshes: int = 90
    alerts: int = 800
    anomalies: int = 800
    notifications: int = 180
    totals: int = 90

    def by_statement(self) -> Iterator[tuple[Subject, int]]:
        """Yield the subjects that one statement removes, with their days."""
        yield "dead_letters", self.dead_letters
        yield "price_proposals", self.price_proposals
        yield "price_refreshes", self.price_refreshes
        yield "alerts", self.alerts
        yield "cutoffs", self.alerts
        yield "anomalies", self.anomalies
        yield "notifications", self.notifications


async def take_turn(connection: Connection, interval_seconds: int) -> bool:
    """Return whether a run is due and ours; the turn lasts as long as the connection."""
    if not await connection.fetchval(_SQL["turn"]):
        return False
    return bool(await connection.fetchval(*_SQL.bind("is_due", interval_seconds=interval_seconds)))


async def remove_old(
    connection: Connection, days: RetentionDays, now: datetime, stopped: Stopped = lambda: False
) -> dict[Subject, int]:
    """Remove what is older than its days, until `stopped`; returns how many rows of what.

    Raises a PostgreSQL error; what was removed by then stays removed and is counted.
    """
    removed: dict[Subject, int] = {}
    for subject, kept in days.by_statement():
        removed[subject] = await _batches(connection, subject, now - timedelta(days=kept), stopped)
    oldest = now - timedelta(days=days.identities)
    removed["archived_costs"] = await _archived_costs(connection, oldest, stopped)
    removed["identities"] = await _identities(connection, oldest, stopped)
    return removed


async def _batches(
    connection: Connection, subject: Subject, before: datetime, stopped: Stopped
) -> int:
    total = 0
    for _ in range(BATCHES_MAX):
        async with connection.transaction():
            removed = affected(
                await connection.execute(*_SQL.bind(subject, before=before, most=BATCH_ROWS))
            )
            await note(connection, subject, removed)
        total += removed
        if removed < BATCH_ROWS or stopped():
            break
    return total


async def _identities(connection: Connection, before: datetime, stopped: Stopped) -> int:
    """Look through a share of the pages: an index by age would cost every event that is counted."""
    pages = int(await connection.fetchval(_SQL["identity_pages"]))
    start = int(await position(connection, "identities") or 0)
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
            await note(connection, "identities", affected(status), str(following))
        total += affected(status)
        start = following
    return total


async def _archived_costs(connection: Connection, before: datetime, stopped: Stopped) -> int:
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
    await note(connection, "archived_costs", 0)
    return total


async def _remove_costs(connection: Connection, seal_id: int) -> tuple[int, int]:
    async with connection.transaction():
        rows = await connection.fetch(
            *_SQL.bind("lock_expired_costs", seal_id=seal_id, most=BATCH_ROWS, source=RERATE_SOURCE)
        )
        identities, call_ids = [row["identity"] for row in rows], [row["call_id"] for row in rows]
        status = await connection.execute(
            *_SQL.bind("remove_expired_costs", identities=identities, call_ids=call_ids)
        )
        await note(connection, "archived_costs", affected(status))
    return len(rows), affected(status)


async def note(connection: Connection, subject: Subject, removed: int, position: str = "") -> None:
    """Count what was removed, and keep where the next run continues."""
    await connection.execute(
        *_SQL.bind("note", subject=subject, removed=removed, position=position)
    )


async def position(connection: Connection, subject: Subject) -> str:
    """Return where the next run continues; empty at the beginning."""
    return str(await connection.fetchval(*_SQL.bind("position", subject=subject)) or "")
