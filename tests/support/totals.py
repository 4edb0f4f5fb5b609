"""All totals of a ledger in one comparable form, from the model or the database.

Zero sums are left out, as rows of zeros may exist or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

import asyncpg
import msgspec

from ledger.calls.call import Call

Day: TypeAlias = str
DayCosts: TypeAlias = dict[tuple[str, Day, str, str], int]
"""Nano-dollars by user, day, persona and service."""
DaySums: TypeAlias = dict[tuple[str, Day, str], tuple[int, int, int, int]]
"""Calls, milliseconds, charged and refunded nano-dollars by user, day and persona."""


class CallFigures(NamedTuple):
    """The totals of a call; `costs` in nano-dollars by day and service, `charges` by day."""

    user_id: str
    persona_id: str | None
    status: str
    direction: str | None
    expected_duration_ms: int | None
    duration_ms: int
    first_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    costs: dict[tuple[Day, str], int]
    charges: dict[Day, tuple[int, int]]
    charge_count: int
    default_charge_nano: int
    default_fee_nano: int
    estimated_count: int
    event_count: int
    tags: dict[str, str]


@dataclass
class Totals:
    """Calls with a known owner, and the days of their users."""

    calls: dict[str, CallFigures] = field(default_factory=dict)
    user_day_costs: DayCosts = field(default_factory=dict)
    user_days: DaySums = field(default_factory=dict)

    @property
    def events(self) -> int:
        """The number of counted events."""
        return sum(call.event_count for call in self.calls.values())

    @property
    def cost_nano(self) -> int:
        return sum(self.user_day_costs.values())

    @property
    def charged_nano(self) -> int:
        return sum(sums[2] for sums in self.user_days.values())


def totals_of(
    calls: Iterable[Call],
    user_day_costs: Mapping[tuple[str, Day, str, str], int],
    user_days: Mapping[tuple[str, Day, str], tuple[int, ...]],
) -> Totals:
    """Return the totals of calls and days as the ledger has them."""
    return Totals(
        {call.call_id: figures(call) for call in calls if call.user_id is not None},
        {key: nano for key, nano in user_day_costs.items() if nano},
        {key: _four(sums) for key, sums in user_days.items() if any(sums)},
    )


def _four(sums: tuple[int, ...]) -> tuple[int, int, int, int]:
    calls, duration_ms, charged_nano, refunded_nano = sums
    return calls, duration_ms, charged_nano, refunded_nano


def figures(call: Call) -> CallFigures:
    """Return the figures of a call with a known owner."""
    assert call.user_id is not None
    assert call.first_at is not None
    return CallFigures(
        call.user_id,
        call.persona_id,
        call.status,
        call.direction,
        call.expected_duration_ms,
        call.duration_ms,
        call.first_at,
        call.started_at,
        call.ended_at,
        {
            (day, service): nano
            for day, services in call.costs.items()
            for service, nano in services.items()
            if nano
        },
        {day: (sums[0], sums[1]) for day, sums in call.charges.items() if any(sums)},
        call.charge_count,
        call.default_charge_nano,
        call.default_fee_nano,
        call.estimated_count,
        call.event_count,
        call.tags or {},
    )


_CALLS = """
    SELECT call_id, user_id, persona_id, status, direction, expected_duration_ms, duration_ms,
           first_at, started_at, ended_at, costs::text, charges::text, charge_count,
           default_charge_nano, default_fee_nano, estimated_count, event_count,
           coalesce(tags::text, 'null') AS tags
    FROM calls WHERE user_id IS NOT NULL
"""
_COSTS = "SELECT user_id, day::text, persona_id, service, cost_nano FROM user_day_costs"
_DAYS = """
    SELECT user_id, day::text, persona_id, calls, duration_ms, charged_nano, refunded_nano
    FROM user_days
"""


async def read_totals(database_url: str) -> Totals:
    """Return the totals of a database, from one snapshot."""
    connection = await asyncpg.connect(database_url)
    try:
        return await totals_on(connection)
    finally:
        await connection.close()


async def totals_on(connection: asyncpg.Connection) -> Totals:
    """Return the totals of a connection's database, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        calls = [_call(row) for row in await connection.fetch(_CALLS)]
        costs = {tuple(row)[:4]: row[4] for row in await connection.fetch(_COSTS)}
        days = {tuple(row)[:3]: tuple(row)[3:] for row in await connection.fetch(_DAYS)}
    return totals_of(calls, costs, days)


def _call(row: asyncpg.Record) -> Call:
    read = {name: msgspec.json.decode(row[name]) for name in ("costs", "charges", "tags")}
    return Call(**{**row, **read})
