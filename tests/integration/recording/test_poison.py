"""An event that PostgreSQL cannot store is refused alone; the rest of its batch counts.

Such an event passes all checks of its own: it is too large only together with others, or in an
index. If it were not found and refused, its partition would stop for good.
"""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ledger.recording.positions import StoredPosition
from tests.support.alerting import USD, change
from tests.support.events import Plain, charged, cost, refunded, started, structured
from tests.support.expected import expect
from tests.support.lanes import run_lane
from tests.support.recording import (
    BatchWriter,
    ConsumedRecord,
    TopicLog,
    assert_verified,
    codes,
    fetch,
    offsets,
)
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
A_BILLION = 10**9


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[BatchWriter]:
    async with BatchWriter(database_url) as writer:
        yield writer


def good(count: int) -> list[Plain]:
    return [cost(f"call-{number % 4}", "alice", time=NOW) for number in range(count)]


def expensive(call: str) -> Plain:
    """Return a cost of which nine fit a day of a user and ten do not."""
    return cost(call, "alice", time=NOW, totalCost=A_BILLION)


def incompressible_text(length: int, seed: int) -> str:
    """Return four-byte letters that do not compress."""
    rng = random.Random(seed)
    return "".join(chr(rng.randrange(0x10000, 0x10FFFF)) for _ in range(length))


def too_long_for_an_index() -> Plain:
    names = [incompressible_text(255, seed) for seed in range(3)]
    more = {"personaId": names[1], "service": names[2], "totalCost": 1}
    return cost("call-long", names[0], time=NOW, **more)


async def run(writer: BatchWriter, values: Sequence[Plain | bytes]) -> TopicLog:
    log = TopicLog()
    await run_lane(writer, [[log.append(value) for value in values]])
    return log


@pytest.mark.parametrize("place", [0, 7, 19])
async def test_event_that_overflows_a_total_is_refused_alone(
    database_url: str, writer: BatchWriter, place: int
) -> None:
    """Ten times a billion dollars on one day exceeds 64 bits of nano-dollars."""
    await run(writer, [expensive(f"expensive-{number}") for number in range(9)])
    assert await codes(database_url) == []
    fits = [expensive(f"expensive-{number}") for number in range(9)]
    values = good(19)
    values.insert(place, expensive("expensive-9"))
    log = TopicLog()
    await run_lane(writer, [[log.append(value) for value in values]])
    assert await codes(database_url) == ["invalid_event"]
    assert [letter.offset for letter in writer.letters] == [place]
    assert await offsets(database_url) == {0: 20}
    totals = await read_totals(database_url)
    del values[place]
    assert totals.events == len(fits) + len(values)
    assert totals.cost_nano == expect(fits + values).totals.cost_nano
    await assert_verified(database_url)


async def test_budget_period_may_exceed_a_bigint(database_url: str, writer: BatchWriter) -> None:
    """A row holds nine billion dollars; a budget period sums many rows without a limit."""
    noon = NOW.replace(hour=12, minute=0, second=0) - timedelta(days=1)
    values: list[Plain] = []
    for hour, persona in enumerate("ab"):
        at = noon + timedelta(hours=hour)
        for number in range(9):
            call = f"{persona}-{number}"
            values.append(started(call, time=at, personaId=persona))
            values.append(charged(call, time=at, amount=A_BILLION, fee=0))
    await change(database_url, "alice", daily_limit=(True, USD))
    for number in range(0, len(values), 12):
        await writer.record(TopicLog().batch(values[number : number + 12]))
    log = TopicLog()
    small = [refunded("a-0", time=noon, amount=1), charged("c", time=noon, amount=3, fee=0)]
    await run_lane(writer, [[log.append(value)] for value in small])
    assert await codes(database_url) == []
    status = await change(database_url, "alice", now=noon, daily_limit=(True, 2 * USD))
    assert status.day_nano == (18 * A_BILLION + 2) * USD
    assert status.month_nano == status.day_nano
    await assert_verified(database_url)


async def test_name_too_long_for_an_index_is_refused_alone(
    database_url: str, writer: BatchWriter
) -> None:
    values = [*good(5), too_long_for_an_index(), *good(4)]
    await run(writer, values)
    assert await codes(database_url) == ["invalid_event"]
    assert await read_totals(database_url) == expect(values[:5] + values[6:]).totals


async def test_several_unstorable_events_are_refused_alone(
    database_url: str, writer: BatchWriter
) -> None:
    values = good(30)
    log, poll = TopicLog(), []
    for number, value in enumerate(values):
        poll.append(log.append(value))
        if number % 10 == 5:
            poll += [log.append(b"{"), log.append(too_long_for_an_index())]
    outcomes = await run_lane(writer, [poll])
    assert sorted(await codes(database_url)) == ["invalid_event"] * 3 + ["invalid_json"] * 3
    assert sum(outcome.recorded for outcome in outcomes) == len(values)
    assert await read_totals(database_url) == expect(values).totals
    assert await offsets(database_url) == {0: len(poll)}
    assert len(writer.letters) == 6


async def test_refusal_limit_applies_to_the_whole_batch(writer: BatchWriter) -> None:
    """Not only to the rest after the storable events were recorded."""
    await run(writer, [b"{", *good(8), too_long_for_an_index()])
    assert [letter.code for letter in writer.letters] == ["invalid_json", "invalid_event"]
    assert writer.batch_sizes == [10]


NUL_IN_A_REASON = [
    ConsumedRecord(0, 0, structured(cost(type="cost\0recorded", time=NOW))),
    ConsumedRecord(0, 1, structured(cost(time=NOW)["data"]), headers=[("ce_type", b"a\0b")]),
    ConsumedRecord(0, 2, b"{", headers=[("na\0me", b"\0"), ("none", None)]),
    ConsumedRecord(0, 3, structured(started(time=NOW))),
]


async def test_reason_may_quote_text_that_postgresql_cannot_store(
    database_url: str, writer: BatchWriter
) -> None:
    """The reason of a refusal quotes the emitter's text."""
    await run_lane(writer, [NUL_IN_A_REASON])
    assert len(await codes(database_url)) == 3
    kept = [
        row[0]
        for row in await fetch(database_url, 'SELECT value FROM dead_letters ORDER BY "offset"')
    ]
    assert kept == [one.value for one in NUL_IN_A_REASON[:3]]
    assert (await read_totals(database_url)).events == 1


async def test_batch_moves_only_the_offset_of_its_generation(
    database_url: str, writer: BatchWriter
) -> None:
    """A late batch of an earlier generation would make a later start skip records of the new log."""
    first = TopicLog()
    await run_lane(writer, [[first.append(value) for value in good(8)]])
    assert await offsets(database_url) == {0: 8}
    await fetch(database_url, "UPDATE stream_offsets SET next_offset = 0, generation = 1")
    await run_lane(writer, [[first.append(good(1)[0])]])
    assert await offsets(database_url) == {0: 0}
    new, values = TopicLog(), [*good(2), too_long_for_an_index()]
    polls = [[new.append(value) for value in values]]
    await run_lane(writer, polls, {0: StoredPosition(0, generation=1)})
    assert await offsets(database_url) == {0: 3}
    assert await codes(database_url) == ["invalid_event"]


async def test_refused_records_of_recreated_topics_are_kept_apart(
    database_url: str, writer: BatchWriter
) -> None:
    """A recreated topic reuses offsets for other records."""
    await run_lane(
        writer, [[ConsumedRecord(0, 0, b"{old"), ConsumedRecord(0, 1, structured(good(1)[0]))]]
    )
    costly = cost(service="unlisted", usage=10**12, unitCost=1, time=NOW)
    new = [ConsumedRecord(0, 0, structured(costly))]
    for _ in range(2):
        await run_lane(writer, [new], {0: StoredPosition(0, generation=1)})
    rows = await fetch(database_url, 'SELECT "offset", code, value FROM dead_letters ORDER BY code')
    assert [tuple(row) for row in rows] == [
        (0, "invalid_event", new[0].value),
        (0, "invalid_json", b"{old"),
    ]
