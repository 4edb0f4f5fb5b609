"""Archived months: totals stay exact with late events, and files can be verified."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.operations.archive_checks import verify_archive
from ledger.operations.archives import Archiver
from ledger.operations.verification import Verification, rebuild, verify
from ledger.postgres.database import connected
from tests.support.archives import NOW, archive, month_start, partitions
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.totals import read_totals

OLD = month_start(3) + timedelta(days=12, hours=3)
BOUNDARY = month_start(2)


def calls(count: int = 12) -> list[Plain]:
    """Return calls of an old month, of the present, and across the end of the archived month."""
    events: list[Plain] = []
    for number in range(count):
        at = (OLD, BOUNDARY - timedelta(seconds=1), NOW - timedelta(hours=1))[number % 3]
        later = at + timedelta(minutes=2)
        call_and_user = {"call": f"call-{number}", "user": f"user-{number % 4}"}
        wrong = cost(**call_and_user, time=at, totalCost="0.5", estimated=True)
        events += [
            started(**call_and_user, time=at, tags={"campaign": f"c{number}", "team": "red"}),
            cost(**call_and_user, time=at, usage="1.50"),
            cost(
                **call_and_user,
                time=later,
                service="deepgram",
                operation="stt_streaming",
                model="nova-2",
            ),
            wrong,
            voided(wrong, **call_and_user, time=later),
            ended(**call_and_user, time=later, tags={"campaign": "late", "region": "eu"}),
        ]
        if number % 2:
            events += [
                charged(**call_and_user, time=later),
                refunded(**call_and_user, time=later, amount="1.005"),
            ]
    return events


async def record(database_url: str, events: Sequence[Plain]) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for start in range(0, len(events), 17):
            await writer.record(log.batch(events[start : start + 17]))
        assert not writer.letters


async def verified_with_files(database_url: str, directory: Path) -> Verification:
    found = await verify(database_url)
    await verify_archive(database_url, directory, found)
    return found


async def test_archiving_changes_no_total(database_url: str, tmp_path: Path) -> None:
    all_events = calls()
    await record(database_url, all_events)
    before = await read_totals(database_url)
    old = f"call_cost_events_{OLD:%Y_%m}"
    assert old in await partitions(database_url)

    [archived] = await archive(database_url, tmp_path)
    assert archived.manifest is not None
    assert archived.month == OLD.date().replace(day=1)
    assert old not in await partitions(database_url)
    assert await read_totals(database_url) == before == expect(all_events).totals
    found = await verified_with_files(database_url, tmp_path)
    assert (found.differences, found.lines) == (0, [])
    assert found.checked["archived"] == archived.manifest.events > 0
    assert found.checked["events"] + found.checked["archived"] == len(all_events)

    manifest = json.loads((tmp_path / archived.manifest.file).with_suffix(".json").read_text())
    assert manifest["rows"] == sum(kind["rows"] for kind in manifest["types"].values())
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".json"}
    assert await archive(database_url, tmp_path) == []


async def test_month_sealed_without_a_file_keeps_its_totals(
    database_url: str, tmp_path: Path
) -> None:
    all_events = calls()
    await record(database_url, all_events)
    [dropped] = await Archiver(database_url, None).archive(month_start(2).date())
    assert dropped.manifest is not None
    assert f"call_cost_events_{OLD:%Y_%m}" not in await partitions(database_url)
    assert await read_totals(database_url) == expect(all_events).totals
    await assert_verified(database_url)
    await record(database_url, all_events)  # repeats
    assert await read_totals(database_url) == expect(all_events).totals
    found = await verified_with_files(database_url, tmp_path)
    assert found.differences == 1
    assert "was sealed without a file" in "".join(found.lines)


async def test_rebuild_starts_from_the_seals(database_url: str, tmp_path: Path) -> None:
    all_events = calls()
    await record(database_url, all_events)
    await archive(database_url, tmp_path)
    await fetch(database_url, "DELETE FROM calls")
    await fetch(database_url, "DELETE FROM user_spend")
    assert (await verify(database_url)).differences > 0
    assert await rebuild(database_url) == 12
    await assert_verified(database_url)
    assert await read_totals(database_url) == expect(all_events).totals


async def test_late_events_of_an_archived_month_count(database_url: str, tmp_path: Path) -> None:
    all_events = calls()
    await record(database_url, all_events)
    await archive(database_url, tmp_path)
    counted = next(e for e in all_events if e["type"] == "cost.recorded")
    call = counted["data"]["callId"]
    late = [
        cost(call, "user-0", time=OLD - timedelta(minutes=5), usage=7, personaId="sarah_001"),
        voided(counted, call, "user-0", time=NOW - timedelta(minutes=1)),
        charged(call, "user-0", time=OLD + timedelta(hours=1)),
        refunded(call, "user-0", time=OLD + timedelta(hours=2)),
        ended(call, "user-0", time=OLD + timedelta(hours=3), duration_seconds=77),
        started(call, "user-0", time=OLD - timedelta(hours=1), persona="sarah_001"),
        *all_events[:9],
    ]
    await record(database_url, late)
    await assert_verified(database_url)
    assert await read_totals(database_url) == expect([*all_events, *late]).totals

    [again] = await archive(database_url, tmp_path)
    assert again.manifest is not None
    assert again.manifest.part == 2
    assert (await verified_with_files(database_url, tmp_path)).differences == 0
    assert await rebuild(database_url) == 12
    assert await read_totals(database_url) == expect([*all_events, *late]).totals


async def test_running_worker_records_late_events_of_an_archived_month(
    database_url: str, tmp_path: Path
) -> None:
    """The worker has cached the partition and does not know that it was dropped."""
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for events in ([cost(time=OLD)], [cost(time=OLD), cost(time=OLD)]):
            await writer.record(log.batch(events))
            await archive(database_url, tmp_path)
        outcome = await writer.record(log.batch([cost(time=OLD)]))
    assert outcome.recorded == 1
    await assert_verified(database_url)


async def test_settlement_of_a_call_of_an_archived_month_is_recorded(
    database_url: str, tmp_path: Path
) -> None:
    """Its time is that of the first event, in a month without a partition; also a held event."""
    all_events = [cost(time=OLD), cost("call-2", None, time=OLD)]
    later = [ended(time=NOW), started("call-2", "bob", time=NOW)]
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(all_events))
        await archive(database_url, tmp_path)
        for event in later:
            await writer.record(log.batch([event]))
            await archive(database_url, tmp_path)
    assert await read_totals(database_url) == expect([*all_events, *later]).totals
    assert (await verified_with_files(database_url, tmp_path)).differences == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("file", "digest differs from the sealed one"),
        ("manifest", "differs from the sealed one"),
        ("missing file", "is missing"),
        ("missing manifest", "is missing"),
    ],
)
async def test_changed_file_is_detected(
    database_url: str, tmp_path: Path, damage: str, message: str
) -> None:
    await record(database_url, calls())
    [archived] = await archive(database_url, tmp_path)
    assert archived.manifest is not None
    path = tmp_path / archived.manifest.file
    if "manifest" in damage:
        path = path.with_suffix(".json")
    if "missing" in damage:
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    found = await verified_with_files(database_url, tmp_path)
    assert found.differences == 1
    assert message in found.lines[0]


SEAL_DAMAGE = {
    "a call's sums": "UPDATE sealed_calls SET costs = '{}' WHERE call_id = 'call-0'",
    "a call": "DELETE FROM sealed_calls WHERE call_id = 'call-0'",
    "a fact": "UPDATE sealed_calls SET facts = '[]' WHERE call_id = 'call-0'",
    "a user's spend": "UPDATE sealed_spend SET cost_nano = cost_nano + 1",
    "a void": "DELETE FROM sealed_voids WHERE call_id = 'call-0'",
    "a cost that could be voided": "DELETE FROM archived_costs WHERE call_id = 'call-0'",
    "a cost's amount": "UPDATE archived_costs SET cost_nano = cost_nano + 1 WHERE call_id = 'call-0'",
}


@pytest.mark.parametrize("damage", SEAL_DAMAGE.values(), ids=SEAL_DAMAGE.keys())
async def test_damaged_seal_is_detected_and_rebuilt_from_the_files(
    database_url: str, tmp_path: Path, damage: str
) -> None:
    from ledger.operations.archive_checks import reseal

    all_events = calls()
    await record(database_url, all_events)
    await archive(database_url, tmp_path)
    await fetch(database_url, damage)
    assert (await verified_with_files(database_url, tmp_path)).differences > 0
    await rebuild(database_url, restore=lambda connection: reseal(connection, tmp_path))
    found = await verified_with_files(database_url, tmp_path)
    assert (found.differences, found.lines) == (0, [])
    assert await read_totals(database_url) == expect(all_events).totals


async def test_files_have_every_column_of_the_events(database_url: str) -> None:
    from ledger.operations.archive_files import COLUMNS

    query = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'call_cost_events'"
    assert {row[0] for row in await fetch(database_url, query)} == set(COLUMNS)


async def test_late_events_during_archiving_are_never_lost(
    database_url: str, tmp_path: Path
) -> None:
    """An event between the file and the seal makes the archiver start again."""
    all_events = calls()
    await record(database_url, all_events)
    late: list[Plain] = []

    with ThreadPoolExecutor(1) as other_thread:

        def record_late_event(report: str) -> None:
            if "sealing the month" in report and len(late) < 2:
                late.append(cost("call-0", "user-0", time=OLD))
                # The archiver waits meanwhile, between its two transactions.
                other_thread.submit(asyncio.run, record(database_url, late[-1:])).result()

        archiver = Archiver(database_url, tmp_path, record_late_event)
        [archived] = await archiver.archive(BOUNDARY.date())
    assert archived.manifest is not None
    assert len(late) == 2
    assert await read_totals(database_url) == expect([*all_events, *late]).totals
    assert (await verified_with_files(database_url, tmp_path)).differences == 0


async def test_only_one_process_archives(database_url: str, tmp_path: Path) -> None:
    from ledger.operations.archives import SQL, ArchiveRefusedError

    async with connected(database_url, name="test") as other:
        assert await other.fetchval(SQL["one_at_a_time"])
        with pytest.raises(ArchiveRefusedError, match="Another process"):
            await archive(database_url, tmp_path)
