"""Writes ledger rows as the recorder would, for tests of reads."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import asyncpg

from ledger.postgres.partitions import ensure_months

CENT = 10_000_000
"""Nano-dollars in a cent."""

SEED_COSTS = {
    "twilio": 14 * CENT,
    "deepgram": 6 * CENT,
    "cerebras": 1 * CENT,
    "elevenlabs": 180_000_000,
    "raindrop": 2 * CENT,
    "vultr": 1 * CENT,
    "vercel": 5_000_000,
    "stripe": 475_000_000,
}
"""The costs of the documented call: 0.90 USD, 0.475 of it the processor's fee."""


@dataclass(kw_only=True)
class LiveCallRow:
    """A call with all facts on one UTC day. Money is nano-dollars."""

    call_id: str
    user_id: str | None
    at: datetime
    persona_id: str | None = "brad_001"
    duration_ms: int = 300_000
    status: str = "completed"
    costs: Mapping[str, int] = field(default_factory=lambda: dict(SEED_COSTS))
    charged: int = 499 * CENT
    refunded: int = 0
    estimated_count: int = 0
    tags: Mapping[str, str] | None = None

    @property
    def day(self) -> str:
        return self.at.date().isoformat()


class LedgerRowWriter:
    """Writes through one connection without row policies."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._events = 0

    async def call(self, row: LiveCallRow) -> None:
        """Write a call and its part of the user's day."""
        await self.connection.execute(
            """
            INSERT INTO calls (call_id, user_id, persona_id, status, duration_ms, first_at,
                               started_at, ended_at, costs, charges, estimated_count, tags,
                               updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $7, $8, $9, $10, $6)
            """,
            row.call_id,
            row.user_id,
            row.persona_id,
            row.status,
            row.duration_ms,
            row.at,
            json.dumps({row.day: dict(row.costs)}),
            json.dumps({row.day: [row.charged, row.refunded]}),
            row.estimated_count,
            None if row.tags is None else json.dumps(row.tags),
        )
        if row.user_id is not None:
            await self._user_day(row)
            await self._spend(row)

    async def _user_day(self, row: LiveCallRow) -> None:
        await self.connection.execute(
            """
            INSERT INTO user_days AS d VALUES ($1, $2::text::date, $3, 1, $4, $5, $6)
            ON CONFLICT (user_id, day, persona_id) DO UPDATE
            SET calls = d.calls + 1, duration_ms = d.duration_ms + $4,
                charged_nano = d.charged_nano + $5, refunded_nano = d.refunded_nano + $6
            """,
            row.user_id,
            row.day,
            row.persona_id or "",
            row.duration_ms,
            row.charged,
            row.refunded,
        )
        await self.connection.executemany(
            """
            INSERT INTO user_day_costs AS c VALUES ($1, $2::text::date, $3, $4, $5)
            ON CONFLICT (user_id, day, persona_id, service) DO UPDATE
            SET cost_nano = c.cost_nano + $5
            """,
            [
                (row.user_id, row.day, row.persona_id or "", service, nano)
                for service, nano in row.costs.items()
            ],
        )

    async def _spend(self, row: LiveCallRow) -> None:
        await self.connection.execute(
            """
            INSERT INTO user_spend AS s VALUES ($1, quarter_hour($2), $3, $4, $5)
            ON CONFLICT (user_id, quarter) DO UPDATE
            SET cost_nano = s.cost_nano + $3, charged_nano = s.charged_nano + $4,
                refunded_nano = s.refunded_nano + $5
            """,
            row.user_id,
            row.at,
            sum(row.costs.values()),
            row.charged,
            row.refunded,
        )

    async def event(self, call: LiveCallRow, kind: str = "cost.recorded", **columns: Any) -> str:
        """Write one recorded event and return its identity."""
        self._events += 1
        identity = blake2b(str(self._events).encode(), digest_size=16).hexdigest()
        values = {
            "identity": identity,
            "source": "tests",
            "event_id": str(self._events),
            "type": kind,
            "time": call.at,
            "recorded_at": call.at,
            "user_id": call.user_id,
            "call_id": call.call_id,
            **columns,
        }
        await ensure_months(self.connection, [(values["time"].year, values["time"].month)])
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.connection.execute(
            f"INSERT INTO call_cost_events ({', '.join(values)}) VALUES ({places})",
            *values.values(),
        )
        return identity


@asynccontextmanager
async def rows(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    """Open a connection to write rows through."""
    connection = await asyncpg.connect(database_url)
    try:
        yield LedgerRowWriter(connection)
    finally:
        await connection.close()
