"""An event that PostgreSQL cannot hold is refused alone; what came with it counts.

Such an event passes every check of its own: only together with others, or in an index, it is too
much. Were it not found and refused, its partition would stop for good.
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
from tests.support.recording import Arrived, Desk, Log, assert_verified, codes, fetch, offsets
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
A_BILLION = 10**9


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with Desk(database_url) as desk:
        yield desk


def good(count: int) -> list[Plain]:
    return [cost(f"call-{number % 4}", "alice", time=NOW) for number in range(count)]


def dear(call: str) -> Plain:
    """Return a cost of which nine fit a user's day and ten do not."""
    return cost(call, "alice", time=NOW, totalCost=A_BILLION)


def unprintable(length: int, seed: int) -> str:
    """Return letters of four bytes that no compression makes shorter."""
    rng = random.Random(seed)
    return "".join(chr(rng.randrange(0x10000, 0x10FFFF)) for _ in range(length))


def too_long_for_an_index() -> Plain:
    names = [unprintable(255, seed) for seed in range(3)]
    more = {"personaId": names[1], "service": names[2], "totalCost": 1}
    return cost("call-long", names[0], time=NOW, **more)


async def run(desk: Desk, values: Sequence[Plain | bytes]) -> Log:
    log = Log()
    await run_lane(desk, [[log.append(value) for value in values]])
    return log


@pytest.mark.parametrize("place", [0, 7, 19])
async def test_a_total_beyond_a_bigint(database_url: str, desk: Desk, place: int) -> None:
    """Ten times a billion dollars on one day is more than 64 bits of nano-dollars."""
    await run(desk, [dear(f"dear-{number}") for number in range(9)])
    assert await codes(database_url) == []
    fits = [dear(f"dear-{number}") for number in range(9)]
    values = good(19)
    values.insert(place, dear("dear-9"))
    log = Log()
    await run_lane(desk, [[log.append(value) for value in values]])
    assert await codes(database_url) == ["invalid_event"]
    assert [letter.offset for letter in desk.letters] == [place]
    assert await offsets(database_url) == {0: 20}
    totals = await read_totals(database_url)
    del values[place]
    assert totals.events == len(fits) + len(values)
    assert totals.cost_nano == expect(fits + values).totals.cost_nano
    await assert_verified(database_url)


async def test_a_period_may_hold_more_than_its_days_and_quarters(
    database_url: str, desk: Desk
) -> None:
    """Each row has room for nine billion dollars; a budget's period, of many rows, for any number."""
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
        await desk.record(Log().batch(values[number : number + 12]))
    log = Log()
    small = [refunded("a-0", time=noon, amount=1), charged("c", time=noon, amount=3, fee=0)]
    await run_lane(desk, [[log.append(value)] for value in small])
    assert await codes(database_url) == []
    stands = await change(database_url, "alice", now=noon, daily_limit=(True, 2 * USD))
    assert stands.day_nano == (18 * A_BILLION + 2) * USD
    assert stands.month_nano == stands.day_nano
    await assert_verified(database_url)


async def test_names_too_long_for_an_index(database_url: str, desk: Desk) -> None:
    values = [*good(5), too_long_for_an_index(), *good(4)]
    await run(desk, values)
    assert await codes(database_url) == ["invalid_event"]
    assert await read_totals(database_url) == expect(values[:5] + values[6:]).totals


async def test_several_among_many_and_beside_malformed_ones(database_url: str, desk: Desk) -> None:
    values = good(30)
    log, poll = Log(), []
    for number, value in enumerate(values):
        poll.append(log.append(value))
        if number % 10 == 5:
            poll += [log.append(b"{"), log.append(too_long_for_an_index())]
    outcomes = await run_lane(desk, [poll])
    assert sorted(await codes(database_url)) == ["invalid_event"] * 3 + ["invalid_json"] * 3
    assert sum(outcome.recorded for outcome in outcomes) == len(values)
    assert await read_totals(database_url) == expect(values).totals
    assert await offsets(database_url) == {0: len(poll)}
    assert len(desk.letters) == 6


async def test_the_limit_of_refusals_is_of_the_whole_batch(desk: Desk) -> None:
    """Not of what is left of it once the events that fit have been recorded."""
    await run(desk, [b"{", *good(8), too_long_for_an_index()])
    assert [letter.code for letter in desk.letters] == ["invalid_json", "invalid_event"]
    assert desk.batch_sizes == [10]


NUL_IN_A_REASON = [
    Arrived(0, 0, structured(cost(type="cost\0recorded", time=NOW))),
    Arrived(0, 1, structured(cost(time=NOW)["data"]), headers=[("ce_type", b"a\0b")]),
    Arrived(0, 2, b"{", headers=[("na\0me", b"\0"), ("none", None)]),
    Arrived(0, 3, structured(started(time=NOW))),
]


async def test_a_reason_may_quote_what_postgresql_cannot_hold(
    database_url: str, desk: Desk
) -> None:
    """Why an event is refused is text too, and says what the emitter wrote."""
    await run_lane(desk, [NUL_IN_A_REASON])
    assert len(await codes(database_url)) == 3
    kept = [
        row[0]
        for row in await fetch(database_url, 'SELECT value FROM dead_letters ORDER BY "offset"')
    ]
    assert kept == [one.value for one in NUL_IN_A_REASON[:3]]
    assert (await read_totals(database_url)).events == 1


async def test_a_batch_moves_the_offset_of_its_own_generation_only(
    database_url: str, desk: Desk
) -> None:
    """A late batch of an earlier one would let a later start skip records of the new log."""
    first = Log()
    await run_lane(desk, [[first.append(value) for value in good(8)]])
    assert await offsets(database_url) == {0: 8}
    await fetch(database_url, "UPDATE stream_offsets SET next_offset = 0, generation = 1")
    await run_lane(desk, [[first.append(good(1)[0])]])
    assert await offsets(database_url) == {0: 0}
    new, values = Log(), [*good(2), too_long_for_an_index()]
    polls = [[new.append(value) for value in values]]
    await run_lane(desk, polls, {0: StoredPosition(0, generation=1)})
    assert await offsets(database_url) == {0: 3}
    assert await codes(database_url) == ["invalid_event"]


async def test_refused_records_of_a_new_log_are_kept_beside_those_of_the_old(
    database_url: str, desk: Desk
) -> None:
    """Its offsets were given before; what was refused at one of them is another record."""
    await run_lane(desk, [[Arrived(0, 0, b"{old"), Arrived(0, 1, structured(good(1)[0]))]])
    new = [Arrived(0, 0, structured(cost(service="nobody", time=NOW)))]
    for _ in range(2):
        await run_lane(desk, [new], {0: StoredPosition(0, generation=1)})
    rows = await fetch(database_url, 'SELECT "offset", code, value FROM dead_letters ORDER BY code')
    assert [tuple(row) for row in rows] == [
        (0, "invalid_json", b"{old"),
        (0, "unknown_price", new[0].value),
    ]
