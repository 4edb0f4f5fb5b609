"""An erased user is nowhere, no total changes, and later events do not bring the identity back."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.operations.archive_checks import verify_archive
from ledger.operations.archive_files import manifest_path
from ledger.operations.erased_files import rewrite_files
from ledger.operations.verification import Verification, verify
from schemas.people import ErasureRecord, RewrittenFileRecord
from tests.support import parts
from tests.support.archives import NOW, archive, month_start
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.personal_data import (
    IDENTITY,
    erased,
    places_in_database,
    places_in_files,
    plant,
    sums,
)
from tests.support.recording import BatchWriter, TopicLog, assert_verified, batch_of, fetch
from tests.support.totals import CallFigures, read_totals

OLD = month_start(3) + timedelta(days=12, hours=3)


def calls_of(user: str, name: str, count: int) -> list[Plain]:
    """Return calls of an archived month and of the present, full of personal data."""
    events: list[Plain] = []
    for number in range(count):
        at = (OLD, NOW - timedelta(hours=2))[number % 2]
        later = at + timedelta(minutes=3)
        call = {"call": f"{name}-{number}", "user": user}
        tags = {"customer": f"for {user}", "team": "red"}
        wrong = cost(**call, time=at, totalCost="0.123456789", metadata={"of": user})
        events += [
            started(**call, time=at, tags=tags, providerCallId=f"v {user}"),
            cost(**call, time=at, usage="1.25", metadata={"phone": "+1555", "of": user}),
            cost(**call, time=later, service="unknown", operation="x"),
            cost(call["call"], None, time=later, usage=3, metadata={"hint": user}),
            wrong,
            voided(wrong, **call, time=later) | {},
            ended(**call, time=later, tags={"region": user}),
        ]
        if number % 3:
            events += [charged(**call, time=later), refunded(**call, time=later, amount="1.005")]
    return events


def under(events: Sequence[Plain], pseudonym: str) -> list[Plain]:
    """Return events as they count after the erasure."""
    return [
        event
        if event["data"].get("userId") != IDENTITY
        else event | {"data": event["data"] | {"userId": pseudonym}}
        for event in events
    ]


async def record(url: str, events: Sequence[Plain | bytes], log: TopicLog) -> BatchWriter:
    """Record events in batches, copied and inserted in turn."""
    async with BatchWriter(url) as writer:
        for start in range(0, len(events), 13):
            await writer.record(log.batch(events[start : start + 13]))
    return writer


async def verified_with_files(url: str, directory: Path) -> Verification:
    """Verify totals and archive files."""
    found = await verify(url)
    await verify_archive(url, directory, found)
    return found


async def keep(records: list[ErasureRecord], record: ErasureRecord) -> None:
    """Keep a record of the journal."""
    records.append(record)


async def test_erased_user_is_nowhere_and_no_sum_changes(database_url: str, tmp_path: Path) -> None:
    events = calls_of(IDENTITY, "call", 8) + calls_of("bob", "other", 4)
    log = TopicLog()
    conflict = events[1] | {"data": events[1]["data"] | {"usage": 2}}
    too_old = cost("call-x", IDENTITY, time=NOW - timedelta(days=500), metadata={"of": IDENTITY})
    broken = b'{"data": {"userId": "' + IDENTITY.encode() + b'", '
    refused = await record(database_url, [*events, conflict, too_old, broken], log)
    codes = sorted(letter.code for letter in refused.letters)
    assert codes == ["id_conflict", "invalid_json", "too_old"]
    await archive(database_url, tmp_path)
    tables = await plant(database_url)
    for table in ("scope_spend", "credit_events", "credit_returns"):
        await fetch(database_url, f"DELETE FROM {table}")  # no event explains them
    planted = await places_in_database(database_url)
    assert len(planted) > len(tables)
    assert places_in_files(tmp_path)
    before, totals = await sums(database_url), await read_totals(database_url)
    assert (await verified_with_files(database_url, tmp_path)).lines == []

    records: list[ErasureRecord] = []
    receipt = await erased(database_url, records)
    assert IDENTITY not in str(receipt)
    assert [pending.part for pending in receipt.pending_archives] == [1]
    [manifest] = await rewrite_files(database_url, tmp_path, lambda record: keep(records, record))
    assert await places_in_database(database_url) == []
    assert places_in_files(tmp_path) == []
    assert len([path for path in tmp_path.iterdir() if path.suffix == ".parquet"]) == 1
    found = await verified_with_files(database_url, tmp_path)
    assert (found.differences, found.lines) == (0, [])
    assert await sums(database_url) == before
    after = await read_totals(database_url)
    renamed = {
        name: figures._replace(user_id=receipt.pseudonym, tags=after.calls[name].tags)
        if figures.user_id == IDENTITY
        else figures
        for name, figures in totals.calls.items()
    }
    assert after.calls == renamed
    assert after.calls["call-1"].tags == {
        "customer": f"for {receipt.pseudonym}", "team": "red", "region": receipt.pseudonym
    }  # fmt: skip
    assert isinstance(records[-1], RewrittenFileRecord)
    assert records[-1].new_file == manifest.file
    assert receipt.rows["call_cost_events"] + receipt.rows["sealed_calls"] > 0
    parts.figures.append(
        f"erasure: {len(planted)} places before, 0 after, in {len(tables)} tables; "
        f"{manifest.rows} archived rows; difference {found.differences}"
    )
    again = await erased(database_url)
    assert (again.pseudonym, again.rows) == (receipt.pseudonym, {})


async def test_replaced_file_of_another_directory_is_deleted_later(
    database_url: str, tmp_path: Path
) -> None:
    file = "call_cost_events_2025_12.1.0.parquet"
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
    old = [second / file, manifest_path(second, file)]
    for path in old:
        path.write_text("of an erased user")
    await fetch(database_url, "INSERT INTO replaced_files (file) VALUES ($1)", file)
    left = []
    for directory in (first, second):
        await rewrite_files(database_url, directory, lambda record: keep([], record))
        noted = await fetch(database_url, "SELECT file FROM replaced_files")
        left.append((sum(path.exists() for path in old), len(noted)))
    assert left == [(2, 1), (0, 0)]


async def test_late_and_repeated_events_count_once_under_the_pseudonym(database_url: str) -> None:
    log = TopicLog()
    first = calls_of(IDENTITY, "call", 6)
    open_call = [started("open", IDENTITY, time=NOW - timedelta(minutes=9))]
    held = [cost("held", None, time=NOW - timedelta(minutes=5), metadata={"of": IDENTITY})]
    await record(database_url, [*first, *open_call, *held], log)
    pseudonym = (await erased(database_url)).pseudonym
    late = [
        *calls_of(IDENTITY, "later", 4),
        cost("open", None, time=NOW, metadata={"hint": IDENTITY}),
        cost("open", IDENTITY, time=NOW, tags={"who": IDENTITY}),
        ended("open", IDENTITY, time=NOW),
        started("held", IDENTITY, time=NOW - timedelta(minutes=6)),
    ]
    sent = [*first, *open_call, *held, *late]
    conflict = late[1] | {"data": late[1]["data"] | {"usage": 7}}
    broken = b'{"data": {"userId": "nobody", "callId": 7}}'
    letters = (await record(database_url, [*first, *late, *late, conflict, broken], log)).letters
    assert sorted(letter.code for letter in letters) == ["id_conflict", "invalid_event"]
    by_hand = log.append(b"not JSON")
    by_hand.key = IDENTITY.encode()
    async with BatchWriter(database_url) as writer:
        await writer.record(batch_of([by_hand]))
        assert writer.letters[0].value is None
    await assert_verified(database_url)
    assert await places_in_database(database_url, ("o'hara",)) == []
    totals = await read_totals(database_url)
    expected = expect(under(sent, pseudonym)).totals
    assert {name: replaced(call) for name, call in totals.calls.items()} == {
        name: replaced(call) for name, call in expected.calls.items()
    }
    assert (totals.user_days, totals.user_day_costs) == (
        expected.user_days,
        expected.user_day_costs,
    )
    counted = await fetch(database_url, "SELECT count(*) FROM event_identities")
    parts.figures.append(
        f"late events of an erased user: {len(sent)} sent ({2 * len(late) + 2 * len(first)} records), "
        f"{counted[0][0]} counted, difference {counted[0][0] - len(sent)}"
    )
    assert counted[0][0] == len(sent)


async def test_worker_that_first_meets_a_user_after_the_erasure_counts_on(
    database_url: str,
) -> None:
    """It read the erased users before, and opens settings for the user, which are refused."""
    log = TopicLog()
    await record(database_url, calls_of(IDENTITY, "call", 1), log)
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(calls_of("bob", "other", 1)))
        pseudonym = (await erased(database_url)).pseudonym
        await writer.record(log.batch([charged("new", IDENTITY, time=NOW)]))
        assert not writer.letters
    counted = await fetch(database_url, "SELECT user_id FROM calls WHERE call_id = 'new'")
    assert [row["user_id"] for row in counted] == [pseudonym]
    await assert_verified(database_url)


def replaced(call: CallFigures) -> CallFigures:
    """Return a call without its tags, in which the identity was replaced."""
    return call._replace(tags={})


@pytest.mark.parametrize("erasures", [4])
async def test_erasing_while_workers_count_stays_exact(database_url: str, erasures: int) -> None:
    users = [f"{number} {IDENTITY}" for number in range(erasures)]
    events = [event for user in users for event in calls_of(user, f"c{user[0]}", 12)]
    events += calls_of("bob", "other", 12)
    shares = [events[place::3] for place in range(3)]

    async def count(share: list[Plain], partition: int) -> None:
        log = TopicLog()
        async with BatchWriter(database_url) as writer:
            for start in range(0, len(share), 7):
                await writer.record(log.batch(share[start : start + 7], partition))
                await asyncio.sleep(0.01)

    pseudonyms: dict[str, str] = {}

    async def erase_all() -> None:
        for user in users:
            await asyncio.sleep(0.3)
            pseudonyms[user] = (
                await erased(database_url, user_id=user, allow_unknown=True)
            ).pseudonym

    await asyncio.gather(erase_all(), *(count(share, place) for place, share in enumerate(shares)))
    await assert_verified(database_url)
    assert await places_in_database(database_url) == []
    totals = await read_totals(database_url)
    named = [
        event | {"data": event["data"] | {"userId": pseudonyms[user]}}
        if (user := event["data"].get("userId")) in pseudonyms
        else event
        for event in events
    ]
    expected = expect(named).totals
    assert (totals.user_days, totals.user_day_costs) == (
        expected.user_days,
        expected.user_day_costs,
    )
    parts.figures.append(
        f"{erasures} erasures beside 3 writers: {len(events)} events sent, {totals.events} counted, "
        f"difference {totals.events - len(events)}"
    )


@pytest.mark.parametrize("count", [20_000])
async def test_duration_of_an_erasure_is_reported(database_url: str, count: int) -> None:
    """Recording waits for so long; most of it is the rewriting of events."""
    await record(database_url, calls_of(IDENTITY, "call", 40), TopicLog())
    before = await sums(database_url)
    copy = """INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, data)
              SELECT gen_random_uuid(), 's', 'e' || n, 'cost.recorded', now(), $2, 'call-' || (n % 40), '{"of": 1}'
              FROM generate_series(1, $1) AS n"""
    await fetch(database_url, copy, count, IDENTITY)
    started_ns = time.monotonic_ns()
    receipt = await erased(database_url)
    took_ms = (time.monotonic_ns() - started_ns) // 1_000_000
    parts.figures.append(f"erasure of a user with {count:,} events and 40 calls: {took_ms:,} ms")
    assert receipt.rows["call_cost_events"] > count
    after = await sums(database_url)
    assert [row[1] for row in after] == [row[1] for row in before]
