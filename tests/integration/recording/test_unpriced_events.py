"""Events without a price count at 0, and are listed until they are voided."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ledger.operations.verification import rebuild, verify
from tests.support.events import charged, cost, started, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[BatchWriter]:
    """A writer to the database of the test."""
    async with BatchWriter(database_url) as writer:
        yield writer


async def test_held_event_that_lost_its_price_counts_without_one(
    database_url: str, writer: BatchWriter
) -> None:
    held, first, second = cost(user=None), cost(), cost()
    log = TopicLog()
    assert (await writer.record(log.batch([held]))).held == 1
    # A trigger prevents this, so it is disabled to lose the price.
    await fetch(database_url, "ALTER TABLE service_prices DISABLE TRIGGER keep_prices")
    await fetch(database_url, "UPDATE service_prices SET effective_from = '2100-01-01'")
    without = {**first, "data": {**first["data"], "totalCost": "0.5"}}
    async with BatchWriter(database_url) as late:
        outcome = await late.record(log.batch([without]))
        assert (outcome.recorded, outcome.refused) == (1, {})
    assert await fetch(database_url, "SELECT FROM held_events") == []
    assert await unpriced(database_url) == [held["id"]]
    await fetch(database_url, "UPDATE service_prices SET effective_from = '2020-01-01'")
    async with BatchWriter(database_url) as later:
        outcome = await later.record(log.batch([second]))
    assert outcome.recorded == 1
    rows = await fetch(database_url, "SELECT FROM call_cost_events WHERE type = 'cost.recorded'")
    assert len(rows) == 3
    await assert_verified(database_url)


async def unpriced(database_url: str) -> list[str]:
    """Return the event ids of the listed events without a price."""
    query = "SELECT event_id FROM unpriced_events JOIN call_cost_events USING (identity)"
    return sorted(row[0] for row in await fetch(database_url, query))


async def test_events_without_a_price_count_at_zero_and_are_listed_until_voided(
    database_url: str, writer: BatchWriter
) -> None:
    log = TopicLog()
    missing = [cost(service="vendor", time=NOW, usage=n) for n in range(1, 4)]
    fee, known = charged(processor="vendor", time=NOW), cost(time=NOW)
    events = [started(time=NOW), *missing, fee, known]
    outcome = await writer.record(log.batch(events))
    assert (outcome.recorded, outcome.unpriced, outcome.refused) == (6, 4, {})
    assert (len(writer.unpriced), writer.letters) == (4, [])
    assert (await writer.record(log.batch(events))).repeated == 6
    await assert_verified(database_url)
    assert await unpriced(database_url) == sorted([fee["id"], *(one["id"] for one in missing)])
    voids = [voided(missing[0], time=NOW), voided(missing[2], time=NOW)]
    await writer.record(log.batch(voids))
    assert await unpriced(database_url) == sorted([fee["id"], missing[1]["id"]])
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await unpriced(database_url) == sorted([fee["id"], missing[1]["id"]])
    await fetch(database_url, "DELETE FROM unpriced_events")
    assert (await verify(database_url)).differences == 2
    await rebuild(database_url)
    await assert_verified(database_url)


async def test_price_that_was_just_entered_applies(database_url: str, writer: BatchWriter) -> None:
    """Prices are read every few seconds, and again before an event counts without one."""
    log = TopicLog()
    await writer.record(log.batch([started(time=NOW)]))
    await fetch(
        database_url,
        """INSERT INTO service_prices (service, class, operation, unit, price_usd, effective_from,
               source, set_by)
           VALUES ('vendor', 'api', 'sing', 'requests', 0.25, $1, 'list', 'tests')""",
        NOW - timedelta(days=1),
    )
    sung = cost(service="vendor", operation="sing", unit="requests", time=NOW)
    outcome = await writer.record(log.batch([sung]))
    assert (outcome.recorded, outcome.unpriced) == (1, 0)
    assert (await read_totals(database_url)).calls["call-1"].costs[
        NOW.date().isoformat(), "vendor"
    ] == 250_000_000
    await assert_verified(database_url)
