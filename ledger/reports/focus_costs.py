"""Reads the costs of a period, each once, from one snapshot and with constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.catalogue import DEFAULT_PROCESSOR

_SQL: Final = statements("reports/focus")

ROWS_AT_ONCE: Final = 2_000
_SECONDS_MAX: Final = 3_600
_DAY: Final = timedelta(days=1)


class Cost(NamedTuple):
    """What one event, or one decision of the ledger, adds to the costs of a call.

    `kind` is the type of the event, `archived.costs` and `archived.voided` for sums of archived
    events, or `call.infrastructure` and `call.rounded` for what the ledger added.
    """

    user_id: str
    call_id: str
    persona_id: str | None
    tags: str | None
    kind: str
    row_id: str
    time: datetime
    service: str
    operation: str | None
    model: str | None
    leg_id: str | None
    usage: Decimal | None
    unit: str | None
    usages: str | None
    cost_nano: int
    list_cost_nano: int | None
    source: str
    event_id: str | None
    estimated: bool


class CostRows(NamedTuple):
    """The costs of a period in lists, and the total that the ledger keeps of them."""

    rows: AsyncIterator[list[Cost]]
    total_nano: int


@asynccontextmanager
async def costs_of(
    connection: Connection, user_id: str | None, first: date, last: date
) -> AsyncIterator[CostRows]:
    """Provide the costs of UTC days, both included, for the duration of the block.

    `user_id` None is all users. Archiving waits meanwhile.
    """
    bounds = {"since": _start_of(first), "until": _start_of(last + _DAY), "user_id": user_id}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name in ("keep_partitions", "no_time_limit", "no_idle_limit"):
            await connection.execute(_SQL[name])
        [total] = await connection.fetch(*_SQL.bind("total", **bounds), timeout=_SECONDS_MAX)
        statement = _SQL.bind("costs", **bounds, processor=DEFAULT_PROCESSOR)
        cursor = await connection.cursor(*statement, timeout=_SECONDS_MAX)
        yield CostRows(_chunks(cursor), int(total["nano"]))


async def _chunks(cursor: Any) -> AsyncIterator[list[Cost]]:
    while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=_SECONDS_MAX):
        yield [Cost(*row) for row in rows]


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
