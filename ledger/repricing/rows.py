"""Reads the costs that late prices change, and the data of the report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.alert_rows import limits_of
from ledger.budgets.limits import Limits
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.repricing.corrections import PriceSpan, UsedPrice
from ledger.repricing.recorded_costs import RecordedCost

_SQL: Final = statements("repricing/repricing")
_SECONDS_MAX: Final = 6 * 3600
_PREFETCH: Final = 2_000


class RepricingScope(NamedTuple):
    """The costs to correct: from `since` to before `until`, of one service or of all."""

    since: datetime
    until: datetime
    service: str | None = None


class DueCost(NamedTuple):
    """A counted cost whose price may change; usage in `unit` or `usages`, cost in nano-dollars."""

    user_id: str
    call_id: str
    identity: str
    time: datetime
    service: str
    operation: str
    model: str
    unit: str | None
    usage: Decimal | None
    cost_nano: int
    price_id: int | None
    price_context: str | None
    usages: str | None


class EarnedSums(NamedTuple):
    """The cost, charges and refunds of some days, in nano-dollars."""

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

    Not each of them has another price: it may depend on the context.
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


async def counted_costs(
    connection: Connection, places: Collection[tuple[str, str]]
) -> list[RecordedCost]:
    """Return the costs that still count among `places`, each an identity and its call.

    Their calls are locked to the end of the transaction.
    """
    identities, call_ids = zip(*places, strict=True)
    await connection.execute(*_SQL.bind("lock_calls", call_ids=sorted(set(call_ids))))
    rows = await connection.fetch(*_SQL.bind("counted", identities=identities, call_ids=call_ids))
    return [RecordedCost(*row) for row in rows]


async def read_limits(connection: Connection, user_ids: Collection[str]) -> dict[str, Limits]:
    """Return the limits of users, without locking them."""
    rows = await connection.fetch(*_SQL.bind("limits", user_ids=list(user_ids)))
    return {row["user_id"]: limits_of(row) for row in rows}


async def find_raised_alerts(connection: Connection, alert_ids: Collection[UUID]) -> set[UUID]:
    """Return the alerts that exist already."""
    rows = await connection.fetch(*_SQL.bind("raised", alert_ids=list(alert_ids)))
    return {UUID(bytes=row["alert_id"].bytes) for row in rows}


async def earned_by_all(connection: Connection, first: date, last: date) -> EarnedSums:
    """Return the sums of all users on UTC days, both included."""
    row = await connection.fetchrow(
        *_SQL.bind("everything", first=first, last=last), timeout=_SECONDS_MAX
    )
    return EarnedSums(*map(int, row)) if row else EarnedSums()


async def read_user_sums(
    connection: Connection, first: date, last: date, user_ids: Sequence[str]
) -> dict[str, EarnedSums]:
    """Return the sums of some users on UTC days, both included."""
    rows = await connection.fetch(
        *_SQL.bind("of_users", first=first, last=last, user_ids=list(user_ids))
    )
    return {row[0]: EarnedSums(*map(int, row[1:])) for row in rows}
