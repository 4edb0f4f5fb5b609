"""Reads the price catalogue and the charge plans."""

from __future__ import annotations

from typing import Final

from ledger.charge_plans.entry import read_plans
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.aliases import read_aliases
from ledger.prices.catalogue import Catalogue, Price

_SQL: Final = statements("prices/prices")


async def read_catalogue(connection: Connection) -> Catalogue:
    """Return the catalogue with all prices, charge plans and aliases."""
    prices = await connection.fetch(_SQL["catalogue"])
    plans, aliases = await read_plans(connection), await read_aliases(connection)
    return Catalogue(map(Price.from_stored, prices), plans, aliases)


async def catalogue_version(connection: Connection) -> int:
    """Return a number that increases with each added price, charge plan and alias."""
    return int(await connection.fetchval(_SQL["catalogue_version"]))
