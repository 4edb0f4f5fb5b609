"""Monthly partitions of `call_cost_events`, created in advance and on demand for late events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from ledger.postgres.database import CheckViolation, Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("postgres/partitions")

Month = tuple[int, int]
"""A calendar year and month, UTC."""


def month_of(moment: datetime) -> Month:
    """Return the month of a UTC time."""
    return moment.year, moment.month


def _start(month: Month) -> datetime:
    return datetime(month[0], month[1], 1, tzinfo=UTC)


def following(month: Month) -> Month:
    """Return the next month."""
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def partition_name(month: Month) -> str:
    """Return the name of a month's partition."""
    return f"call_cost_events_{month[0]:04d}_{month[1]:02d}"


def month_bounds(month: Month) -> tuple[str, str]:
    """Return the start of a month and of the next one, as ISO texts."""
    return _start(month).isoformat(), _start(following(month)).isoformat()


def lacks_partition(error: CheckViolation) -> bool:
    """Return whether a row failed because its month has no partition, as after archiving."""
    return error.table_name == "call_cost_events" and not error.constraint_name


async def ensure_months(connection: Connection, months: Iterable[Month]) -> None:
    """Create missing partitions, each in its own transaction.

    A partition is built beside the table and then attached, which does not block its writers.
    """
    for month in sorted(set(months)):
        async with connection.transaction():
            await connection.execute(_SQL["lock"])
            since, until = month_bounds(month)
            create = _SQL.bind("create", partition=partition_name(month), since=since, until=until)
            await connection.execute(*create)
