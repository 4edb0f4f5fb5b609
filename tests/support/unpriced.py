"""Runs the pricing of events without a price, as a worker does."""

from ledger.postgres.database import connected
from ledger.prices.reading import read_catalogue
from ledger.repricing.unpriced_pricer import PricedEvents, UnpricedPricer
from schemas.alerts import SpendBasis
from tests.support.recording import fetch


async def price_unpriced(database_url: str, basis: SpendBasis = "cost") -> PricedEvents:
    """Price what has a price now, in one run."""
    async with connected(database_url, name="tests") as connection:
        return await UnpricedPricer(basis).run_once(connection, await read_catalogue(connection))


async def unpriced_ids(database_url: str) -> list[str]:
    """Return the identities of the listed events without a price, in order."""
    query = "SELECT replace(identity::text, '-', '') FROM unpriced_events ORDER BY 1"
    return [row[0] for row in await fetch(database_url, query)]
