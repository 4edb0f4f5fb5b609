"""No proposal stays pending for a price that is in force."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ledger.postgres.database import Connection, connected
from ledger.prices.approval import decide
from ledger.prices.entry import enter_prices
from ledger.prices.proposals import list_proposals
from ledger.prices.rows import PriceRow

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def price(usd: str, since: datetime = NOW, per: int = 1) -> PriceRow:
    return PriceRow("twilio", "api", "outbound_call", "*", "minutes", Decimal(usd), per, since, "s")


async def wait(connection: Connection, row: PriceRow, set_by: str) -> int:
    entered = await enter_prices(connection, [row], set_by=set_by)
    return entered.pending[0].proposal_id


async def pending(connection: Connection) -> list[int]:
    return [one.proposal_id for one in await list_proposals(connection)]


async def test_approval_closes_the_same_proposal_of_another_source(
    database_url: str,
) -> None:
    async with connected(database_url, name="tests") as connection:
        first = await wait(connection, price("0.14"), "source twilio")
        second = await wait(connection, price("140", NOW + HOUR, per=1000), "root")
        other = await wait(connection, price("0.5", NOW + HOUR), "carla")
        earlier = await wait(connection, price("0.14", NOW - HOUR), "dora")
        assert await pending(connection) == [first, second, other, earlier]
        await decide(connection, first, "approved", decided_by="root")
        assert await pending(connection) == [other, earlier]
        assert (await decide(connection, first, "approved", decided_by="root")).state == "approved"


async def test_entered_price_closes_proposals_of_the_same_price(database_url: str) -> None:
    async with connected(database_url, name="tests") as connection:
        await wait(connection, price("0.14"), "source twilio")
        await enter_prices(connection, [price("0.14", NOW - HOUR)], set_by="root", approved=True)
        assert await pending(connection) == []


async def test_rejection_leaves_other_proposals_pending(database_url: str) -> None:
    async with connected(database_url, name="tests") as connection:
        first = await wait(connection, price("0.14"), "source twilio")
        second = await wait(connection, price("0.14", NOW + HOUR), "root")
        await decide(connection, first, "rejected", decided_by="root")
        assert await pending(connection) == [second]
