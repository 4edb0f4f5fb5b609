"""Records events without a price, and prices them as a worker does."""

from datetime import UTC, datetime, timedelta

from ledger.postgres.database import connected
from ledger.prices.reading import read_catalogue
from ledger.repricing.unpriced_pricer import PricedEvents, UnpricedPricer
from schemas.alerts import SpendBasis
from tests.support.events import Plain, cost
from tests.support.recording import BatchWriter, TopicLog, fetch

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


def talk(n: int = 1, **more: object) -> Plain:
    """Return a cost of a vendor that is not in the catalogue: `n` minutes of user n in call n."""
    fields: dict[str, object] = {"call": f"call-{n}", "user": f"user-{n}", "usage": n, "time": NOW}
    return cost(service="vendor", operation="talk", **(fields | more))  # type: ignore[arg-type]


async def record(database_url: str, *events: Plain) -> int:
    """Record events, none of which is refused; returns how many lack a price and an estimate."""
    async with BatchWriter(database_url) as writer:
        outcome = await writer.record(TopicLog().batch(list(events)))
        assert (writer.letters, outcome.refused) == ([], {})
        return outcome.unpriced


async def price_unpriced(database_url: str, basis: SpendBasis = "cost") -> PricedEvents:
    """Price the events that have a price now, in one run."""
    async with connected(database_url, name="tests") as connection:
        return await UnpricedPricer(basis).run_once(connection, await read_catalogue(connection))


async def unpriced_ids(database_url: str) -> list[str]:
    """Return the identities of the listed events without a price, in order."""
    query = "SELECT replace(identity::text, '-', '') FROM unpriced_events ORDER BY 1"
    return [row[0] for row in await fetch(database_url, query)]
