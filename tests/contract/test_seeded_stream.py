"""A day of calls with repeats, disorder and malformed events, published twice, is exact.

The totals agree with an independent computation, `verify` finds no difference, and each malformed
event is a dead letter with its code, once for each time it was sent.
"""

from collections import Counter

import pytest

from tests.support import parts
from tests.support.recording import assert_verified, fetch
from tests.support.seeded_stream import EVENTS, SeededStream, seeded
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

TIMES = 2
SECONDS = 90 + EVENTS // 500


@pytest.mark.timeout(2 * SECONDS)
async def test_stream_published_twice_counts_once(pipeline: Pipeline) -> None:
    stream = seeded()
    sent = 0
    async with pipeline.worker() as worker:
        for _ in range(TIMES):
            sent += len(await pipeline.send(stream.sent, seconds=SECONDS))
        await pipeline.until_counted(sent, worker, seconds=SECONDS)
    totals = await read_totals(pipeline.database_url)
    difference = totals.cost_nano - stream.expected.totals.cost_nano
    parts.figures.append(
        f"A seeded stream, {TIMES} times on {pipeline.broker}: sent {sent}, of them different "
        f"{stream.expected.totals.events}, counted {totals.events}, broken {len(stream.broken)}, "
        f"difference {difference} nano-dollars"
    )
    assert totals == stream.expected.totals
    assert (stream.expected.unpriced, difference) == ([], 0)
    (held,) = await fetch(pipeline.database_url, "SELECT count(*) FROM held_events")
    assert held[0] == len(stream.expected.held)
    await check_dead_letters(pipeline, stream)
    await assert_verified(pipeline.database_url)


async def check_dead_letters(pipeline: Pipeline, stream: SeededStream) -> None:
    """Assert that each malformed event is a dead letter, in the topic and in the database."""
    kept = await fetch(pipeline.database_url, "SELECT value, code FROM dead_letters")
    letters = await pipeline.dead_letters(TIMES * len(stream.broken))
    expected = Counter(dict.fromkeys(stream.broken.items(), TIMES))
    assert Counter((bytes(row[0]), row[1]) for row in kept) == expected
    found = [(one.value, dict(one.headers)["dlq.error.code"].decode()) for one in letters]
    assert Counter(found) == expected
    assert len(stream.codes) >= 4
