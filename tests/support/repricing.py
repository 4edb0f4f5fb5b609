"""Late prices, and the totals that they change."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.postgres.database import connected
from ledger.prices.conditions import NO_CONDITIONS, Conditions
from ledger.prices.entry import add_prices
from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.prices.rows import PriceRow
from tests.support.recording import fetch

SHARES = 35_000_000
"""The infrastructure shares of a call by the default prices, in nano-dollars."""


def a_price(
    service: str,
    usd: str | Decimal,
    since: datetime,
    *,
    model: str = "*",
    unit: str = "minutes",
    conditions: Conditions = NO_CONDITIONS,
    increments: Increments = NO_INCREMENTS,
) -> PriceRow:
    """Return a row of the price catalogue."""
    price = Decimal(usd)
    return PriceRow(
        service, "api", "talk", model, unit, price, 1, since, "tests", conditions, increments
    )


def a_twilio(usd: str, since: datetime, conditions: Conditions = NO_CONDITIONS) -> PriceRow:
    """Return a price of a minute of an outbound call."""
    price = a_price("twilio", usd, since, conditions=conditions)
    return price._replace(operation="outbound_call")


async def add(database_url: str, *rows: PriceRow) -> None:
    """Enter prices, whatever the size of the change."""
    async with connected(database_url, name="tests") as connection:
        await add_prices(connection, rows, set_by="tests")


TOTALS = (
    "SELECT call_id, costs::jsonb, charges::jsonb, estimated_count, persona_id, tags, tagged_by,"
    " charge_plan - 'plans', rerated_nano"
    " FROM calls"
    " WHERE user_id = ANY ($1) ORDER BY 1",
    "SELECT * FROM user_day_costs WHERE user_id = ANY ($1) ORDER BY 1, 2, 3, 4",
    "SELECT * FROM user_days WHERE user_id = ANY ($1) ORDER BY 1, 2, 3",
    "SELECT * FROM user_spend WHERE user_id = ANY ($1) ORDER BY 1, 2",
)


async def totals(database_url: str, users: Iterable[str]) -> list[list[Any]]:
    """Return every total of some users, without zero costs."""
    found = [list(map(tuple, await fetch(database_url, query, list(users)))) for query in TOTALS]
    found[0] = [(call, _without_zeros(costs), *rest) for call, costs, *rest in found[0]]
    found[1] = [row for row in found[1] if row[-1]]
    found[3] = [row for row in found[3] if any(row[2:])]
    return found


def _without_zeros(costs: str) -> dict[str, dict[str, int]]:
    days = {
        day: {service: nano for service, nano in services.items() if nano}
        for day, services in json.loads(costs).items()
    }
    return {day: services for day, services in days.items() if services}


async def cost_nano(database_url: str, user: str) -> int:
    """Return the cost of all calls of a user."""
    rows = await fetch(
        database_url, "SELECT sum(cost_nano) FROM user_day_costs WHERE user_id = $1", user
    )
    return int(rows[0][0] or 0)
