"""A batch becomes exact totals once, with repeats, conflicts and late events."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.recording import ledger as recording
from ledger.recording.batch_rows import known_identities
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import (
    BatchWriter,
    TopicLog,
    assert_verified,
    batch_of,
    codes,
    fetch,
    offsets,
)
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LAST_MONTH = NOW.replace(day=1) - timedelta(days=1)
A_YEAR_AGO = NOW - timedelta(days=365)


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[BatchWriter]:
    """A writer to the database of the test."""
    async with BatchWriter(database_url) as writer:
        yield writer


def a_call(call: str = "call-1", user: str = "alice", at: datetime | None = None) -> list[Plain]:
    """Return one event of each of the six types, of now without `at`."""
    at = at or NOW
    wrong = cost(call, user, time=at, totalCost="0.5")
    return [
        started(call, user, time=at, direction="outbound", expectedDuration_seconds="90.5"),
        cost(call, user, time=at, personaId="brad_001", metadata={"turn": 1, "said": 'a "b" \\'}),
        cost(call, None, time=at, usage="1.25", estimated=True),
        wrong,
        voided(wrong, call, user, time=at),
        charged(call, user, time=at, fee="0.475"),
        refunded(call, user, time=at, amount="1.005"),
        ended(call, user, time=at, duration_seconds="61.5"),
    ]


async def assert_totals(database_url: str, events: list[Plain]) -> Totals:
    """Compare the totals with the independent computation, and run `verify`."""
    totals = await read_totals(database_url)
    assert totals == expect(events).totals
    await assert_verified(database_url)
    return totals


async def test_batch_becomes_exact_totals(database_url: str, writer: BatchWriter) -> None:
    events = a_call() + a_call("call-2", "bob")
    outcome = await writer.record(TopicLog().batch(events))
    assert (outcome.recorded, outcome.repeated, outcome.held) == (len(events), 0, 0)
    assert {call.call_id for call in outcome.changed} == {"call-1", "call-2"}
    assert not outcome.refused
    totals = await assert_totals(database_url, events)
    assert totals.events == len(events)
    assert await offsets(database_url) == {0: len(events)}


async def test_event_row_keeps_the_sent_values(database_url: str, writer: BatchWriter) -> None:
    plain = cost(usage="1.250", operation="Voice-Call", unitCost="0.0200", time=NOW)
    plain["data"]["metadata"] = {"sid": "CA1", "said": '{"\\'}
    await writer.record(TopicLog().batch([plain]))
    (row,) = await fetch(
        database_url, "SELECT * FROM call_cost_events WHERE type = 'cost.recorded'"
    )
    assert (row["source"], row["event_id"], row["time"]) == (plain["source"], plain["id"], NOW)
    assert (row["operation"], row["operation_sent"]) == ("outbound_call", "Voice-Call")
    assert (row["usage"], row["unit"], row["cost_nano"]) == (1.25, "minutes", 17_500_000)
    assert row["data"] == '{"sid":"CA1","said":"{\\"\\\\"}'


async def test_repeats_count_once(database_url: str, writer: BatchWriter) -> None:
    """In their batch, in a later one, in another partition, and read again after a crash."""
    log, events = TopicLog(), a_call()
    outcome = await writer.record(log.batch(events + events))
    assert (outcome.recorded, outcome.repeated) == (len(events), len(events))
    outcome = await writer.record(log.batch(events))
    assert (outcome.recorded, outcome.repeated, outcome.changed) == (0, len(events), [])
    outcome = await writer.record(log.batch(events, partition=3))
    assert outcome.repeated == len(events)
    async with BatchWriter(database_url) as another:
        outcome = await another.record(batch_of(log.records[0]))
    assert outcome.repeated == 3 * len(events)
    totals = await assert_totals(database_url, events)
    assert totals.events == len(events)
    assert await offsets(database_url) == {0: 3 * len(events), 3: len(events)}
    assert await codes(database_url) == []


async def test_id_conflicts_change_nothing(database_url: str, writer: BatchWriter) -> None:
    """The same identity with other content is never a second event, also in another month."""
    first = cost(id="one", time=NOW)
    others = [
        cost(id="one", time=LAST_MONTH),
        cost(id="one", time=A_YEAR_AGO),
        cost(id="one", time=NOW, usage=2),
        cost("call-2", "bob", id="one", time=NOW),
        refunded(id="one", time=NOW),
    ]
    outcome = await writer.record(TopicLog().batch([first, others[0]]))
    assert outcome.refused == {"id_conflict": 1}
    log = TopicLog()
    for plain in others:
        outcome = await writer.record(log.batch([plain], partition=1))
        assert (outcome.recorded, outcome.changed) == (0, [])
        assert outcome.refused == {"id_conflict": 1}
    await assert_totals(database_url, [first])
    assert await codes(database_url) == ["id_conflict"] * 6
    rows = await fetch(database_url, "SELECT * FROM call_cost_events WHERE event_id = 'one'")
    assert len(rows) == 1


async def test_corrected_event_counts_after_a_refused_one(
    database_url: str, writer: BatchWriter
) -> None:
    """A refused event takes no identity, neither within its batch nor between batches."""
    costly: dict[str, Any] = {"usage": 10**12, "unitCost": 1}
    wrong = cost(id="one", service="unlisted", time=NOW, **costly)
    worse = cost("call-2", "alice", id="one", service="no-one", time=NOW, **costly)
    corrected = cost(id="one", time=NOW)
    late = cost(id="one", usage=2, time=NOW)
    events = [wrong, worse, wrong, corrected, late, worse, corrected]
    outcome = await writer.record(TopicLog().batch(events))
    assert (outcome.recorded, outcome.repeated) == (1, 1)
    assert outcome.refused == {"invalid_event": 4, "id_conflict": 1}
    await assert_totals(database_url, [corrected])
    again = await writer.record(TopicLog().batch([wrong, corrected], partition=1))
    assert (again.recorded, again.repeated) == (0, 1)
    assert again.refused == {"id_conflict": 1}


async def test_late_events_create_their_partition(database_url: str, writer: BatchWriter) -> None:
    """Partitions are created ahead; for a late event on demand."""
    name = f"call_cost_events_{A_YEAR_AGO:%Y_%m}"
    (missing,) = await fetch(database_url, "SELECT to_regclass($1)::text", name)
    assert missing[0] is None
    events = [started(time=NOW), cost(time=A_YEAR_AGO), cost(time=LAST_MONTH)]
    await writer.record(TopicLog().batch(events))
    (late,) = await fetch(database_url, f"SELECT count(*) FROM {name} WHERE service = 'twilio'")
    assert late[0] == 1
    totals = await assert_totals(database_url, events)
    assert totals.calls["call-1"].first_at == A_YEAR_AGO


async def test_events_are_held_until_their_call_is_known(
    database_url: str, writer: BatchWriter
) -> None:
    log = TopicLog()
    waiting = [cost(user=None, time=NOW), ended(user=None, time=NOW)]
    outcome = await writer.record(log.batch(waiting))
    assert (outcome.recorded, outcome.held, outcome.changed) == (0, 2, [])
    assert await read_totals(database_url) == Totals()
    outcome = await writer.record(log.batch(waiting))
    assert outcome.repeated == 2
    start = started(time=NOW + timedelta(minutes=1))
    async with BatchWriter(database_url) as another:
        outcome = await another.record(log.batch([start]))
    assert outcome.recorded == 1
    await assert_totals(database_url, [*waiting, start])
    assert await fetch(database_url, "SELECT FROM held_events") == []


async def test_void_subtracts_a_cost_stored_earlier(database_url: str, writer: BatchWriter) -> None:
    """Also beside another call's void of the same cost, and beside one voided already."""
    costs = [cost(time=LAST_MONTH, estimated=True), cost(time=NOW), cost(time=NOW)]
    voids = [voided(one, time=NOW) for one in costs[:2]]
    elsewhere = [voided(one, "call-2", "bob", time=NOW) for one in costs]
    log = TopicLog()
    await writer.record(log.batch(costs))
    for batch in ([voids[0], elsewhere[0]], [elsewhere[1], voids[1], elsewhere[2]]):
        await writer.record(log.batch(batch))
    again = [voided(one, time=NOW) for one in costs[:2]]
    await writer.record(log.batch(again))
    await assert_totals(database_url, [*costs, *voids, *elsewhere, *again])


async def test_refused_events_are_kept_once_with_their_bytes(
    database_url: str, writer: BatchWriter
) -> None:
    log = TopicLog()
    values: list[bytes | Plain] = [
        b"{",
        started(time=NOW),
        cost(user="bob", time=NOW),
        b"\xff",
    ]
    batch = log.batch(values)
    outcome = await writer.record(batch)
    assert outcome.refused == {"invalid_json": 2, "owner_mismatch": 1}
    assert sorted(letter.offset for letter in writer.letters) == [0, 2, 3]
    assert writer.batch_sizes == [4]
    await writer.record(batch_of(log.records[0]))
    rows = await fetch(
        database_url, 'SELECT "offset", code, key, value, message FROM dead_letters ORDER BY 1'
    )
    assert [row["code"] for row in rows] == ["invalid_json", "owner_mismatch", "invalid_json"]
    assert [row["value"] for row in rows] == [log.records[0][place].value for place in (0, 2, 3)]
    assert all(row["key"] == b"key" and row["message"] for row in rows)


async def test_refused_event_is_refused_on_each_repeat(
    database_url: str, writer: BatchWriter
) -> None:
    """It is not recorded, so the next one in the batch is no repeat."""
    costly = cost(service="vendor", usage=10**12, unitCost=1, time=NOW)
    foreign = cost(user="bob", time=NOW)
    first = [started(time=NOW), costly, foreign, costly, costly, foreign]
    outcome = await writer.record(TopicLog().batch(first))
    assert outcome.refused == {"invalid_event": 3, "owner_mismatch": 2}
    assert (outcome.recorded, outcome.repeated) == (1, 0)
    assert sorted(await codes(database_url)) == ["invalid_event"] * 3 + ["owner_mismatch"] * 2


async def test_batch_of_refused_events_moves_its_offsets(
    database_url: str, writer: BatchWriter
) -> None:
    outcome = await writer.record(TopicLog().batch([b"", b"{"]))
    assert (outcome.recorded, outcome.outbox_id) == (0, None)
    assert await offsets(database_url) == {0: 2}
    assert await read_totals(database_url) == Totals()


async def test_repeats_are_found_without_the_lookup(
    database_url: str, writer: BatchWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unique index raises, and the batch is repeated with the lookup."""
    looked_up = []

    async def counting(connection: object, identities: list[str]) -> object:
        looked_up.append(len(identities))
        return await known_identities(connection, identities)  # type: ignore[arg-type]

    monkeypatch.setattr(recording, "known_identities", counting)
    log, events = TopicLog(), []
    for number in range(recording.BATCHES_BEFORE_TRUST + 5):
        events.append(cost(f"call-{number % 3}", time=NOW))
        outcome = await writer.record(log.batch(events[-1:]))
        assert outcome.repeated == 0
    assert len(looked_up) == recording.BATCHES_BEFORE_TRUST
    new = cost("call-1", time=NOW)
    outcome = await writer.record(log.batch([events[0], new, cost("call-2", id="none", time=NOW)]))
    assert (outcome.recorded, outcome.repeated) == (2, 1)
    assert looked_up[-1] == 3
    conflict = {**events[1], "time": LAST_MONTH}
    outcome = await writer.record(log.batch([conflict]))
    assert outcome.refused == {"id_conflict": 1}
    await assert_totals(database_url, [*events, new, cost("call-2", id="none", time=NOW)])
