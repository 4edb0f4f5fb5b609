"""A batch becomes exact totals once, whatever repeats, contradicts or comes late in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ledger.recording import ledger as recording
from ledger.recording.batch_rows import known_identities
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import (
    Desk,
    Log,
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
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """A recorder on a database of the test's own."""
    async with Desk(database_url) as desk:
        yield desk


def a_call(call: str = "call-1", user: str = "alice", at: datetime = NOW) -> list[Plain]:
    """Return one of each of the six types."""
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


async def check(database_url: str, events: list[Plain]) -> Totals:
    """Compare everything with the independent computation, and with the product's own."""
    totals = await read_totals(database_url)
    assert totals == expect(events).totals
    await assert_verified(database_url)
    return totals


async def test_a_batch_is_recorded(database_url: str, desk: Desk) -> None:
    events = a_call() + a_call("call-2", "bob")
    outcome = await desk.record(Log().batch(events))
    assert (outcome.recorded, outcome.repeated, outcome.held) == (len(events), 0, 0)
    assert {call.call_id for call in outcome.changed} == {"call-1", "call-2"}
    assert not outcome.refused
    totals = await check(database_url, events)
    assert totals.events == len(events)
    assert await offsets(database_url) == {0: len(events)}


async def test_a_row_keeps_what_was_sent(database_url: str, desk: Desk) -> None:
    plain = cost(usage="1.250", operation="Voice-Call", unitCost="0.0200", time=NOW)
    plain["data"]["metadata"] = {"sid": "CA1", "said": '{"\\'}
    await desk.record(Log().batch([plain]))
    (row,) = await fetch(
        database_url, "SELECT * FROM call_cost_events WHERE type = 'cost.recorded'"
    )
    assert (row["source"], row["event_id"], row["time"]) == (plain["source"], plain["id"], NOW)
    assert (row["operation"], row["operation_sent"]) == ("outbound_call", "Voice-Call")
    assert (row["usage"], row["unit"], row["cost_nano"]) == (1.25, "minutes", 17_500_000)
    assert row["data"] == '{"sid":"CA1","said":"{\\"\\\\"}'


async def test_repeats_count_once(database_url: str, desk: Desk) -> None:
    """In their batch, in a later one, in another partition, and read again after a crash."""
    log, events = Log(), a_call()
    outcome = await desk.record(log.batch(events + events))
    assert (outcome.recorded, outcome.repeated) == (len(events), len(events))
    outcome = await desk.record(log.batch(events))
    assert (outcome.recorded, outcome.repeated, outcome.changed) == (0, len(events), [])
    outcome = await desk.record(log.batch(events, partition=3))
    assert outcome.repeated == len(events)
    async with Desk(database_url) as another:
        outcome = await another.record(batch_of(log.records[0]))
    assert outcome.repeated == 3 * len(events)
    totals = await check(database_url, events)
    assert totals.events == len(events)
    assert await offsets(database_url) == {0: 3 * len(events), 3: len(events)}
    assert await codes(database_url) == []


async def test_contradictions_are_refused_and_change_nothing(database_url: str, desk: Desk) -> None:
    """The same identity with other content, in another month too, is never a second event."""
    first = cost(id="one", time=NOW)
    others = [
        cost(id="one", time=LAST_MONTH),
        cost(id="one", time=A_YEAR_AGO),
        cost(id="one", time=NOW, usage=2),
        cost("call-2", "bob", id="one", time=NOW),
        refunded(id="one", time=NOW),
    ]
    outcome = await desk.record(Log().batch([first, others[0]]))
    assert outcome.refused == {"id_conflict": 1}
    log = Log()
    for plain in others:
        outcome = await desk.record(log.batch([plain], partition=1))
        assert (outcome.recorded, outcome.changed) == (0, [])
        assert outcome.refused == {"id_conflict": 1}
    await check(database_url, [first])
    assert await codes(database_url) == ["id_conflict"] * 6
    rows = await fetch(database_url, "SELECT * FROM call_cost_events WHERE event_id = 'one'")
    assert len(rows) == 1


async def test_a_mended_event_counts_beside_its_refused_predecessors(
    database_url: str, desk: Desk
) -> None:
    """A refused event takes no identity, within its batch as little as between two."""
    wrong = cost(id="one", service="nobody", time=NOW)
    worse = cost("call-2", "alice", id="one", service="no-one", time=NOW)
    mended = cost(id="one", time=NOW)
    late = cost(id="one", usage=2, time=NOW)
    events = [wrong, worse, wrong, mended, late, worse, mended]
    outcome = await desk.record(Log().batch(events))
    assert (outcome.recorded, outcome.repeated) == (1, 1)
    assert outcome.refused == {"unknown_price": 4, "id_conflict": 1}
    await check(database_url, [mended])
    again = await desk.record(Log().batch([wrong, mended], partition=1))
    assert (again.recorded, again.repeated) == (0, 1)
    assert again.refused == {"id_conflict": 1}


async def test_what_was_held_and_has_lost_its_price_stays_held(
    database_url: str, desk: Desk
) -> None:
    """It has no record to be refused with, so it waits for a price and for its call's next event."""
    held, first, second = cost(user=None), cost(), cost()
    log = Log()
    assert (await desk.record(log.batch([held]))).held == 1
    # The database refuses this by itself, so the price is lost in a way that should not exist.
    await fetch(database_url, "ALTER TABLE service_prices DISABLE TRIGGER keep_prices")
    await fetch(database_url, "UPDATE service_prices SET effective_from = '2100-01-01'")
    without = {**first, "data": {**first["data"], "totalCost": "0.5"}}
    async with Desk(database_url) as late:
        outcome = await late.record(log.batch([without]))
        assert (outcome.recorded, outcome.refused) == (1, {})
        assert len(await fetch(database_url, "SELECT FROM held_events")) == 1
    await fetch(database_url, "UPDATE service_prices SET effective_from = '2020-01-01'")
    async with Desk(database_url) as later:
        outcome = await later.record(log.batch([second]))
    assert outcome.recorded == 1
    rows = await fetch(database_url, "SELECT FROM call_cost_events WHERE type = 'cost.recorded'")
    assert len(rows) == 3
    assert await fetch(database_url, "SELECT FROM held_events") == []
    await assert_verified(database_url)


async def test_late_events_get_their_month(database_url: str, desk: Desk) -> None:
    """Partitions are made ahead; for a late event they are made when it comes."""
    name = f"call_cost_events_{A_YEAR_AGO:%Y_%m}"
    (missing,) = await fetch(database_url, "SELECT to_regclass($1)::text", name)
    assert missing[0] is None
    events = [started(time=NOW), cost(time=A_YEAR_AGO), cost(time=LAST_MONTH)]
    await desk.record(Log().batch(events))
    (late,) = await fetch(database_url, f"SELECT count(*) FROM {name} WHERE service = 'twilio'")
    assert late[0] == 1
    totals = await check(database_url, events)
    assert totals.calls["call-1"].first_at == A_YEAR_AGO


async def test_events_are_held_until_their_call_is_known(database_url: str, desk: Desk) -> None:
    log = Log()
    waiting = [cost(user=None, time=NOW), ended(user=None, time=NOW)]
    outcome = await desk.record(log.batch(waiting))
    assert (outcome.recorded, outcome.held, outcome.changed) == (0, 2, [])
    assert await read_totals(database_url) == Totals()
    outcome = await desk.record(log.batch(waiting))
    assert outcome.repeated == 2
    start = started(time=NOW + timedelta(minutes=1))
    async with Desk(database_url) as another:
        outcome = await another.record(log.batch([start]))
    assert outcome.recorded == 1
    await check(database_url, [*waiting, start])
    assert await fetch(database_url, "SELECT FROM held_events") == []


async def test_a_void_finds_its_cost_in_the_database(database_url: str, desk: Desk) -> None:
    """Also beside another call's void of the same cost, and beside one voided already."""
    costs = [cost(time=LAST_MONTH, estimated=True), cost(time=NOW), cost(time=NOW)]
    voids = [voided(one, time=NOW) for one in costs[:2]]
    elsewhere = [voided(one, "call-2", "bob", time=NOW) for one in costs]
    log = Log()
    await desk.record(log.batch(costs))
    for batch in ([voids[0], elsewhere[0]], [elsewhere[1], voids[1], elsewhere[2]]):
        await desk.record(log.batch(batch))
    again = [voided(one, time=NOW) for one in costs[:2]]
    await desk.record(log.batch(again))
    await check(database_url, [*costs, *voids, *elsewhere, *again])


async def test_a_price_that_comes_later_counts_on_replay(database_url: str, desk: Desk) -> None:
    log, unpriced = Log(), cost(service="vendor", operation="sing", unit="requests", time=NOW)
    outcome = await desk.record(log.batch([started(time=NOW), unpriced]))
    assert outcome.refused == {"unknown_price": 1}
    await fetch(
        database_url,
        """INSERT INTO service_prices (service, class, operation, unit, price_usd, effective_from,
               source, set_by)
           VALUES ('vendor', 'api', 'sing', 'requests', 0.25, $1, 'list', 'tests')""",
        NOW - timedelta(days=1),
    )
    outcome = await desk.record(log.batch([unpriced]))
    assert (outcome.recorded, outcome.refused) == (1, {})
    assert (await read_totals(database_url)).calls["call-1"].costs[
        NOW.date().isoformat(), "vendor"
    ] == 250_000_000
    await assert_verified(database_url)


async def test_refused_events_are_kept_once_with_their_bytes(database_url: str, desk: Desk) -> None:
    log = Log()
    values: list[bytes | Plain] = [
        b"{",
        started(time=NOW),
        cost(service="vendor", time=NOW),
        b"\xff",
    ]
    batch = log.batch(values)
    outcome = await desk.record(batch)
    assert outcome.refused == {"invalid_json": 2, "unknown_price": 1}
    assert sorted(letter.offset for letter in desk.letters) == [0, 2, 3]
    assert desk.batch_sizes == [4]
    await desk.record(batch_of(log.records[0]))
    rows = await fetch(
        database_url, 'SELECT "offset", code, key, value, message FROM dead_letters ORDER BY 1'
    )
    assert [row["code"] for row in rows] == ["invalid_json", "unknown_price", "invalid_json"]
    assert [row["value"] for row in rows] == [log.records[0][place].value for place in (0, 2, 3)]
    assert all(row["key"] == b"key" and row["message"] for row in rows)


async def test_what_is_refused_is_refused_each_time_it_comes(database_url: str, desk: Desk) -> None:
    """Nothing of it is recorded, so the next one in the same batch is no repeat of anything."""
    unpriced = cost(service="vendor", time=NOW)
    foreign = cost(user="bob", time=NOW)
    first = [started(time=NOW), unpriced, foreign, unpriced, unpriced, foreign]
    outcome = await desk.record(Log().batch(first))
    assert outcome.refused == {"unknown_price": 3, "owner_mismatch": 2}
    assert (outcome.recorded, outcome.repeated) == (1, 0)
    assert sorted(await codes(database_url)) == ["owner_mismatch"] * 2 + ["unknown_price"] * 3


async def test_a_batch_of_nothing_but_refusals_moves_its_offsets(
    database_url: str, desk: Desk
) -> None:
    outcome = await desk.record(Log().batch([b"", b"{"]))
    assert (outcome.recorded, outcome.outbox_id) == (0, None)
    assert await offsets(database_url) == {0: 2}
    assert await read_totals(database_url) == Totals()


async def test_the_fast_gear_finds_repeats_too(
    database_url: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the look-up the unique index stands guard, and the batch is done again with it."""
    looked_up = []

    async def counting(connection: object, identities: list[str]) -> object:
        looked_up.append(len(identities))
        return await known_identities(connection, identities)  # type: ignore[arg-type]

    monkeypatch.setattr(recording, "known_identities", counting)
    log, events = Log(), []
    for number in range(recording.BATCHES_BEFORE_TRUST + 5):
        events.append(cost(f"call-{number % 3}", time=NOW))
        outcome = await desk.record(log.batch(events[-1:]))
        assert outcome.repeated == 0
    assert len(looked_up) == recording.BATCHES_BEFORE_TRUST
    new = cost("call-1", time=NOW)
    outcome = await desk.record(log.batch([events[0], new, cost("call-2", id="none", time=NOW)]))
    assert (outcome.recorded, outcome.repeated) == (2, 1)
    assert looked_up[-1] == 3
    conflict = {**events[1], "time": LAST_MONTH}
    outcome = await desk.record(log.batch([conflict]))
    assert outcome.refused == {"id_conflict": 1}
    await check(database_url, [*events, new, cost("call-2", id="none", time=NOW)])
