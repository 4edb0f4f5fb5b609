"""Reads the costs that late prices change, and the data of the report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.alert_rows import limits_of
from ledger.budgets.limits import Limits
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.repricing.corrections import PriceSpan, UsedPrice
from ledger.repricing.recorded_costs import DueCost, RecordedCost, RecordedCostKey

_SQL: Final = statements("repricing/repricing")
_SECONDS_MAX: Final = 6 * 3600
_PREFETCH: Final = 2_000


class RepricingScope(NamedTuple):
    """The costs to correct: from `since` to before `until`, of one service or of all."""

    since: datetime
    until: datetime
    service: str | None = None


class Earnings(NamedTuple):
    """The cost, charges and refunds on some UTC days, in nano-dollars."""

    cost_nano: int = 0
    charged_nano: int = 0
    refunded_nano: int = 0


async def lock_repricing(connection: Connection) -> bool:
    """Lock the correction for this connection; returns False if another one has the lock."""
    return bool(await connection.fetchval(_SQL["one_at_a_time"]))


async def used_prices(connection: Connection, scope: RepricingScope) -> list[UsedPrice]:
    """Return the prices that costs were recorded at, by kind of usage; in a transaction."""
    await connection.execute(_SQL["no_time_limit"])
    rows = await connection.fetch(*_SQL.bind("used", **scope._asdict()), timeout=_SECONDS_MAX)
    return [UsedPrice(*row) for row in rows]


async def due_costs(
    connection: Connection, spans: Sequence[PriceSpan], scope: RepricingScope
) -> AsyncIterator[DueCost]:
    """Yield the counted costs of spans, call by call; in a transaction.

    Some of them keep their price, because it depends on the context.
    """
    if not spans:
        return
    services, operations, models, units, price_ids, starts, ends = zip(*spans, strict=True)
    due = _SQL.bind(
        "due",
        services=services,
        operations=operations,
        models=models,
        units=units,
        price_ids=price_ids,
        starts=starts,
        ends=ends,
        since=scope.since,
        until=scope.until,
    )
    cursor = connection.cursor(*due, prefetch=_PREFETCH, timeout=_SECONDS_MAX)
    async for row in cursor:
        yield DueCost(*row)


async def lock_calls(connection: Connection, call_ids: Iterable[str]) -> None:
    """Lock calls against all other writers until the transaction ends."""
    await connection.execute(*_SQL.bind("lock_calls", call_ids=sorted({*call_ids})))


async def counted_costs(
    connection: Connection, keys: Collection[RecordedCostKey]
) -> list[RecordedCost]:
    """Return those of the costs that still count; the caller has locked their calls."""
    identities, call_ids = zip(*keys, strict=True)
    rows = await connection.fetch(*_SQL.bind("counted", identities=identities, call_ids=call_ids))
    return [RecordedCost(*row) for row in rows]


async def read_limits(connection: Connection, user_ids: Collection[str]) -> dict[str, Limits]:
    """Return the limits of users that have any; takes no locks."""
    rows = await connection.fetch(*_SQL.bind("limits", user_ids=list(user_ids)))
    return {row["user_id"]: limits_of(row) for row in rows}


async def find_raised_alerts(connection: Connection, alert_ids: Collection[UUID]) -> set[UUID]:
    """Return the alerts that exist already."""
    rows = await connection.fetch(*_SQL.bind("raised", alert_ids=list(alert_ids)))
    return {UUID(bytes=row["alert_id"].bytes) for row in rows}


async def read_earnings(connection: Connection, first: date, last: date) -> Earnings:
    """Return the earnings of all users from the first to the last UTC day."""
    row = await connection.fetchrow(
        *_SQL.bind("earnings", first=first, last=last), timeout=_SECONDS_MAX
    )
    return Earnings(*map(int, row)) if row else Earnings()


async def read_user_earnings(
    connection: Connection, first: date, last: date, user_ids: Sequence[str]
) -> dict[str, Earnings]:
    """Return the earnings of some users from the first to the last UTC day."""
    rows = await connection.fetch(
        *_SQL.bind("user_earnings", first=first, last=last, user_ids=list(user_ids))
    )
    return {row[0]: Earnings(*map(int, row[1:])) for row in rows}
