"""Compares the rows and totals of a contender with those expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from bench.events import LoadRecord
from bench.peers.costs import rows_of
from ledger.postgres.database import Connection

K = TypeVar("K")

_CALLS: Final = "SELECT call_id, events, cost_nano FROM call_totals"
_USERS: Final = "SELECT user_id, day, events, cost_nano FROM user_totals"
_ROWS: Final = "SELECT count(*) FROM cost_events"
_WORKERS_ROWS: Final = """
SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled'
"""
_WORKERS_CALLS: Final = """
SELECT call_id, count(*) AS events,
       coalesce(sum(cost_nano) FILTER (WHERE type = 'cost.recorded'), 0) AS cost_nano
FROM call_cost_events WHERE type <> 'call.settled' GROUP BY call_id
"""
_WORKERS_USERS: Final = """
SELECT user_id, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*) AS events,
       coalesce(sum(cost_nano) FILTER (WHERE type = 'cost.recorded'), 0) AS cost_nano
FROM call_cost_events WHERE type <> 'call.settled' GROUP BY 1, 2
"""


class Total(NamedTuple):
    """The number of events and their cost."""

    events: int
    cost_nano: int


class Findings(NamedTuple):
    """The number of faults of each kind in a run.

    Lost events have no row, doubled ones are counted more often than they exist, and the totals
    are those of calls and of users' days.
    """

    lost: int
    doubled: int
    wrong_totals: int

    def text(self) -> str:
        """Return the numbers as text."""
        counts = f"{self.lost:,} lost, {self.doubled:,} counted twice"
        return f"{counts}, {self.wrong_totals:,} wrong totals"


RIGHT: Final = Findings(0, 0, 0)
"""No faults."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The right totals of events, each counted once."""

    events: int
    calls: Mapping[str, Total]
    user_days: Mapping[tuple[str, str], Total]

    @classmethod
    def of(cls, records: Iterable[LoadRecord]) -> Expected:
        """Return the totals of these records; repeated events count once."""
        rows = rows_of(dict.fromkeys(record.value for record in records))
        calls: dict[str, Total] = {}
        days: dict[tuple[str, str], Total] = {}
        for row in rows:
            calls[row.call_id] = _added(calls.get(row.call_id), row.cost_nano)
            day = row.user_id, row.time.strftime("%Y-%m-%d")
            days[day] = _added(days.get(day), row.cost_nano)
        return cls(len(rows), calls, days)


def _added(total: Total | None, cost_nano: int) -> Total:
    if total is None:
        return Total(1, cost_nano)
    return Total(total.events + 1, total.cost_nano + cost_nano)


async def find_faults(connection: Connection, expected: Expected) -> Findings:
    """Compare the tables of a peer with the expected totals."""
    return await _compare(connection, expected, (_ROWS, _CALLS, _USERS))


async def find_workers_faults(connection: Connection, expected: Expected) -> Findings:
    """Compare the events that our workers recorded; `verify` compares their totals with these."""
    return await _compare(connection, expected, (_WORKERS_ROWS, _WORKERS_CALLS, _WORKERS_USERS))


async def _compare(
    connection: Connection, expected: Expected, queries: tuple[str, str, str]
) -> Findings:
    rows, calls, users = queries
    stored = int(await connection.fetchval(rows))
    by_call = {row[0]: Total(row[1], int(row[2])) for row in await connection.fetch(calls)}
    by_day = {(row[0], row[1]): Total(row[2], int(row[3])) for row in await connection.fetch(users)}
    counted = sum(total.events for total in by_day.values())
    wrong = _count_different(by_call, expected.calls) + _count_different(by_day, expected.user_days)
    return Findings(max(0, expected.events - stored), max(0, counted - expected.events), wrong)


def _count_different(found: Mapping[K, Total], right: Mapping[K, Total]) -> int:
    keys = found.keys() | right.keys()
    return sum(found.get(key) != right.get(key) for key in keys)
