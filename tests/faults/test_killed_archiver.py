"""An archiver that is killed between two of its steps changes nothing; the next run completes it."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from ledger.operations.archive_checks import verify_archive
from ledger.operations.verification import verify
from tests.integration.archives.test_archiving import calls, record
from tests.support.archives import archive, partitions
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.killed_archiver import AFTER_DROP
from tests.support.recording import fetch
from tests.support.totals import read_totals

STEPS = {
    "while the file is written": "ledger.operations.archive_files.MonthFile.add",
    "before the file is in its place": "ledger.operations.archive_files.digest_of",
    "between file and manifest": "ledger.operations.archive_files.manifest_text",
    "between manifest and seal": "ledger.operations.archives.compute_sums",
    "within the seal": "ledger.operations.archives.write_seal",
    "before the partition is dropped": "ledger.operations.archives.partition_name",
    "between drop and commit": AFTER_DROP,
}


@pytest.mark.parametrize("name", STEPS)
async def test_killed_archiver_loses_nothing(
    database_url: str, tmp_path: Path, name: str, record_fault: FaultRecorder
) -> None:
    step = STEPS[name]
    all_events = calls()
    await record(database_url, all_events)
    before = sorted(await partitions(database_url))
    words = [
        sys.executable,
        "-m",
        "tests.support.killed_archiver",
        database_url,
        str(tmp_path),
        step,
    ]
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == -signal.SIGKILL
    await _without_sessions(database_url)
    assert sorted(await partitions(database_url)) == before
    assert (await verify(database_url)).differences == 0
    assert await fetch(database_url, "SELECT FROM month_seals") == []

    [archived] = await archive(database_url, tmp_path)
    assert archived.manifest is not None
    found = await verify(database_url)
    await verify_archive(database_url, tmp_path, found)
    assert (found.differences, found.lines) == (0, [])
    totals, expected = await read_totals(database_url), expect(all_events).totals
    record_fault(
        f"archiver killed {name}",
        sent=len(all_events),
        counted=found.checked["events"] + found.checked["archived"],
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    assert (tmp_path / archived.manifest.file).is_file()


async def _without_sessions(database_url: str) -> None:
    """Wait until PostgreSQL has noticed that the archiver is gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cost-analytics archive' AND datname = current_database()"
    async with asyncio.timeout(60):
        while (await fetch(database_url, query))[0][0]:
            await asyncio.sleep(0.05)
