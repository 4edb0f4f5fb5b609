"""Reads the price catalogue."""

from __future__ import annotations

from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.catalogue import Catalogue, Price

_SQL: Final = statements("prices/prices")


async def read_catalogue(connection: Connection) -> Catalogue:
    """Return the catalogue with all prices."""
    return Catalogue(Price.from_stored(row) for row in await connection.fetch(_SQL["catalogue"]))


async def catalogue_version(connection: Connection) -> int:
    """Return a number that increases with every added row."""
    return int(await connection.fetchval(_SQL["catalogue_version"]))
