"""A day of calls with repeats, disorder and broken events, published twice: nothing is off by one.

The totals are those of an independent computation, `verify` finds no difference, and each broken
event is among the dead letters with its code, once for each time it was sent.
"""

from collections import Counter

import pytest

from tests.support import parts
from tests.support.recording import assert_verified, fetch
from tests.support.seeded import EVENTS, Seeded, seeded
from tests.support.streaming import Stage
from tests.support.totals import read_totals

TIMES = 2
SECONDS = 90 + EVENTS // 500


@pytest.mark.timeout(2 * SECONDS)
async def test_a_seeded_stream_published_twice(stage: Stage) -> None:
    stream = seeded()
    sent = 0
    async with stage.worker() as worker:
        for _ in range(TIMES):
            sent += len(await stage.send(stream.sent, seconds=SECONDS))
        await stage.until_counted(sent, worker, seconds=SECONDS)
    totals = await read_totals(stage.database_url)
    difference = totals.cost_nano - stream.expected.totals.cost_nano
    parts.figures.append(
        f"A seeded stream, {TIMES} times on {stage.broker}: sent {sent}, of them different "
        f"{stream.expected.totals.events}, counted {totals.events}, broken {len(stream.broken)}, "
        f"difference {difference} nano-dollars"
    )
    assert totals == stream.expected.totals
    assert (stream.expected.unpriced, difference) == ([], 0)
    (held,) = await fetch(stage.database_url, "SELECT count(*) FROM held_events")
    assert held[0] == len(stream.expected.held)
    await check_dead_letters(stage, stream)
    await assert_verified(stage.database_url)


async def check_dead_letters(stage: Stage, stream: Seeded) -> None:
    """Each broken event is there with its code, in the topic and in the database."""
    kept = await fetch(stage.database_url, "SELECT value, code FROM dead_letters")
    letters = await stage.dead_letters(TIMES * len(stream.broken))
    expected = Counter(dict.fromkeys(stream.broken.items(), TIMES))
    assert Counter((bytes(row[0]), row[1]) for row in kept) == expected
    said = [(one.value, dict(one.headers)["dlq.error.code"].decode()) for one in letters]
    assert Counter(said) == expected
    assert len(stream.codes) >= 4
