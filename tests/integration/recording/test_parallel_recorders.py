"""Parallel recorders of the same calls and users lose no update and count nothing twice.

Normally a call has one writer; after a rebalance, or with other keys, it has several.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.recording import ledger
from ledger.recording import recorder as recording
from ledger.recording.batch import Batch
from ledger.recording.offsets import DeadLetter
from streams.dead_letters import TooManyRefusedError
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import (
    STREAM,
    BatchWriter,
    TopicLog,
    assert_verified,
    batch_of,
    codes,
    fetch,
    offsets,
    until,
)
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
OWNERS = {f"call-{number}": f"user-{number % 2}" for number in range(6)}


def mixed_events(count: int, rng: random.Random) -> list[Plain]:
    """Return events of a few calls of two users over three days, shuffled."""
    events: list[Plain] = []
    for _ in range(count):
        call, user = rng.choice(sorted(OWNERS.items()))
        time = NOW - timedelta(days=rng.randrange(3), minutes=rng.randrange(60))
        costs = [one for one in events if one["type"] == "cost.recorded"]
        choices: list[Callable[[], Plain]] = [
            lambda: cost(call, user, time=time, usage=rng.randrange(9)),
            lambda: cost(call, None, time=time, personaId=f"persona-{rng.randrange(2)}"),
            lambda: started(call, user, time=time, persona=f"persona-{rng.randrange(2)}"),
            lambda: charged(call, None, time=time, amount=rng.randrange(5)),
            lambda: refunded(call, user, time=time),
            lambda: ended(call, user, time=time),
            lambda: _void_of(rng.choice(costs), time) if costs else started(call, user, time=time),
        ]
        events.append(rng.choice(choices)())
    rng.shuffle(events)
    return events


def _void_of(target: Plain, time: datetime) -> Plain:
    return voided(target, target["data"]["callId"], None, time=time)


@pytest.mark.parametrize("trust", [1, 20], ids=["mostly without locks", "mostly with locks"])
async def test_parallel_writers_of_the_same_calls_are_exact(
    database_url: str, trust: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCHES_BEFORE_TRUST", trust)
    monkeypatch.setattr(recording, "ATTEMPTS_MAX", 100)
    rng, log = random.Random(3), TopicLog()
    events = mixed_events(480, rng)
    shares: list[list[Batch]] = []
    for partition in range(3):
        own = [*events[partition::3], *rng.sample(events, 40)]  # also recorded by another one
        rng.shuffle(own)
        shares.append(
            [log.batch(own[start : start + 20], partition) for start in range(0, len(own), 20)]
        )

    async def write(batches: list[Batch]) -> list[int]:
        async with BatchWriter(database_url) as writer:
            return [(await writer.record(batch)).repeated for batch in batches]

    repeated = await asyncio.gather(*map(write, shares))
    assert sum(map(sum, repeated)) == 3 * 40
    assert await read_totals(database_url) == expect(events).totals
    assert await offsets(database_url) == {0: 200, 1: 200, 2: 200}
    assert await codes(database_url) == []
    await assert_verified(database_url)


async def test_stale_call_state_is_detected(database_url: str) -> None:
    """A recorder caches a call that another one has changed since."""
    log, events = TopicLog(), [cost(time=NOW) for _ in range(8)]
    async with BatchWriter(database_url) as one, BatchWriter(database_url) as other:
        for number, event in enumerate(events):
            writer = one if number % 2 else other
            outcome = await writer.record(log.batch([event]))
            assert outcome.changed[0].version == number + 1
    assert await read_totals(database_url) == expect(events).totals


async def test_writer_of_a_contended_call_waits_for_its_lock(database_url: str) -> None:
    """A call with several writers is locked, so that updates follow one another."""
    log, events = TopicLog(), [cost(time=NOW) for _ in range(4)]
    blocker = await asyncpg.connect(database_url)
    async with BatchWriter(database_url) as one, BatchWriter(database_url) as other:
        await one.record(log.batch(events[:1]))
        await other.record(log.batch(events[1:2]))
        await one.record(log.batch(events[2:3]))  # stale: the call is locked from now on
        async with blocker.transaction():
            await blocker.execute("SELECT FROM calls WHERE call_id = 'call-1' FOR UPDATE")
            last = asyncio.create_task(one.record(log.batch(events[3:])))
            await until(lambda: _waits(blocker, one.name))
            assert not last.done()
        outcome = await last
    await blocker.close()
    assert outcome.changed[0].version == 4
    assert await read_totals(database_url) == expect(events).totals


async def _waits(connection: asyncpg.Connection, name: str) -> bool:
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE application_name = $1"
    return bool(await connection.fetchval(query, name))


async def test_offsets_and_totals_move_together(database_url: str) -> None:
    """If dead letters are not acknowledged, nothing of their batch counts and no offset moves."""
    log, good = TopicLog(), [cost(time=NOW), started(time=NOW)]
    batch = log.batch([*good, b"{", cost(user="bob", time=NOW)])
    limit_reached = True

    async def acknowledge(letters: Sequence[DeadLetter], batch_size: int, _: object) -> None:
        assert (len(letters), batch_size) == (2, 4)
        if limit_reached:
            raise TooManyRefusedError("the limit is reached")

    async with BatchWriter(database_url, acknowledge=acknowledge) as writer:
        for _ in range(2):
            with pytest.raises(TooManyRefusedError):
                await writer.record(batch)
        assert await read_totals(database_url) == Totals()
        assert await offsets(database_url) == {}
        assert await codes(database_url) == []
        assert await fetch(database_url, "SELECT FROM totals_outbox") == []
        limit_reached = False
        outcome = await writer.record(batch)
    assert outcome.refused == {"invalid_json": 1, "owner_mismatch": 1}
    assert await codes(database_url) == ["invalid_json", "owner_mismatch"]
    assert await read_totals(database_url) == expect(good).totals
    assert await offsets(database_url) == {0: 4}
    (row,) = await fetch(database_url, "SELECT id, call_ids FROM totals_outbox")
    assert (row["id"], row["call_ids"]) == (outcome.outbox_id, ["call-1"])


async def test_offset_never_moves_backwards(database_url: str) -> None:
    """A worker that lost a partition may finish a batch after its successor went further."""
    log = TopicLog()
    early, late = (log.batch([cost(time=NOW) for _ in range(3)]) for _ in range(2))
    async with BatchWriter(database_url) as successor, BatchWriter(database_url) as straggler:
        await successor.record(batch_of(log.records[0]))
        outcome = await straggler.record(early)
    assert outcome.repeated == 3
    assert await offsets(database_url) == {0: late.next_offsets[0]}


async def test_offsets_belong_to_one_cluster(database_url: str) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([cost(time=NOW)]))
    rows = await fetch(database_url, "SELECT cluster, topic FROM stream_offsets")
    assert [tuple(row) for row in rows] == [STREAM]


async def test_event_that_another_recorder_holds_meanwhile_is_a_repeat(database_url: str) -> None:
    batch = TopicLog().batch([cost("call-1", None)])
    [event] = batch.events
    async with BatchWriter(database_url) as writer:
        connection = await asyncpg.connect(database_url)
        transaction = connection.transaction()
        await transaction.start()
        held = "INSERT INTO held_events (call_id, identity, event) VALUES ('call-1', $1, '')"
        await connection.execute(held, event.identity)
        recording = asyncio.create_task(writer.record(batch))

        async def is_waiting() -> bool:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            return bool((await fetch(database_url, waiting))[0][0])

        await until(is_waiting)
        known = "INSERT INTO event_identities (identity, fingerprint) VALUES ($1, $2)"
        await connection.execute(known, event.identity, event.fingerprint)
        await transaction.commit()
        outcome = await recording
        await connection.close()
    assert (outcome.held, outcome.repeated) == (0, 1)
    assert (await fetch(database_url, "SELECT count(*) FROM held_events"))[0][0] == 1
