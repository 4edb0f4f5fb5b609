"""A process that is killed while it prices events without a price loses none and prices none twice."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.operations.verification import verify
from tests.support.events import Plain, charged, cost, started
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.killed_pricer import AFTER_COMMIT, CHUNK_EVENTS
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.repricing import a_price, add
from tests.support.totals import read_totals
from tests.support.unpriced import price_unpriced, unpriced_ids

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
PRICE = "0.0170000000031"
STEPS = {
    "before the costs are read": "ledger.repricing.unpriced_pricer.counted_costs",
    "before the corrections are written": "ledger.recording.ledger.write",
    "between corrections and the list": "ledger.recording.unpriced_events.remove_unpriced",
    "between corrections and totals": "ledger.recording.ledger.move",
    "after a commit": AFTER_COMMIT,
}


def backlog() -> list[Plain]:
    """Return calls with costs that the catalogue cannot price, and some that it can."""
    events: list[Plain] = []
    for n in range(12):
        where: dict[str, Any] = {
            "call": f"call-{n}",
            "user": f"user-{n % 3}",
            "time": NOW + timedelta(seconds=n),
        }
        costs = [cost(service="vendor", operation="talk", usage=m + 1, **where) for m in range(9)]
        events += [started(**where), cost(**where), *costs, charged(**where)]
    return events


@pytest.mark.parametrize("name", STEPS)
async def test_killed_pricing_loses_nothing(
    database_url: str, name: str, record_fault: FaultRecorder
) -> None:
    events = backlog()
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    waiting = len(await unpriced_ids(database_url))
    await add(database_url, a_price("vendor", PRICE, NOW - timedelta(days=1)))

    words = [sys.executable, "-m", "tests.support.killed_pricer", database_url, STEPS[name]]
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == -signal.SIGKILL
    assert (await verify(database_url)).differences == 0
    left = len(await unpriced_ids(database_url))
    assert waiting - left in {0, CHUNK_EVENTS}

    result = await _price_the_rest(database_url)
    assert (result, await unpriced_ids(database_url)) == (left, [])
    found = await verify(database_url)
    assert (found.differences, found.lines) == (0, [])
    sample = SamplePrice("vendor", "talk", "*", "minutes", PRICE)
    totals, expected = await read_totals(database_url), expect(events, [*DEFAULTS, sample]).totals
    # Each priced event is followed by a void and a new cost.
    counted = found.checked["events"] - 2 * waiting
    difference = difference_nano(expected, totals)
    record_fault(f"pricing killed {name}", sent=len(events), counted=counted, difference=difference)
    assert (counted, difference) == (len(events), 0)
    query = "SELECT count(*) FROM counted_costs WHERE service = 'vendor' AND price_id > 0"
    assert [row[0] for row in await fetch(database_url, query)] == [waiting]


async def _price_the_rest(database_url: str) -> int:
    """Price what is left, once PostgreSQL has noticed that the killed process is gone."""
    priced = 0
    async with asyncio.timeout(30):
        while await unpriced_ids(database_url):
            priced += (await price_unpriced(database_url)).priced
            await asyncio.sleep(0.05)
    return priced
