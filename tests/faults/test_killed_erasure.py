"""An erasure that is killed between two of its steps loses nothing; the next run completes it."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from ledger.operations.verification import verify
from tests.integration.people.test_erasure import calls_of, record, under, verified_with_files
from tests.support.archives import archive
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.killed_erasure import BEFORE_COMMIT, BEFORE_FILE_COMMIT
from tests.support.killed_erasure import erase as erase_here
from tests.support.personal_data import IDENTITY, places_in_database, places_in_files
from tests.support.recording import TopicLog, fetch
from tests.support.totals import read_totals

STEPS = {
    "between erasure and commit": BEFORE_COMMIT,
    "before the archive file is read": "ledger.operations.erased_files.checked_manifest",
    "while the archive file is written": "ledger.operations.archive_files.MonthFile.add",
    "between new file and seal": BEFORE_FILE_COMMIT,
    "before the old file is deleted": "ledger.operations.erased_files.manifest_path",
}


@pytest.mark.parametrize("name", STEPS)
async def test_killed_erasure_is_completed_by_the_next_run(
    database_url: str, tmp_path: Path, name: str, record_fault: FaultRecorder
) -> None:
    events = calls_of(IDENTITY, "call", 6) + calls_of("bob", "other", 3)
    await record(database_url, events, TopicLog())
    await archive(database_url, tmp_path)
    words = [sys.executable, "-m", "tests.support.killed_erasure"]
    process = await asyncio.create_subprocess_exec(*words, database_url, str(tmp_path), STEPS[name])
    assert await process.wait() == -signal.SIGKILL
    is_erased = bool(await fetch(database_url, "SELECT FROM erased_users"))
    assert bool(await places_in_database(database_url)) is not is_erased  # all or nothing
    assert (await verify(database_url)).differences == 0

    await erase_here(database_url, tmp_path, "")
    assert await places_in_database(database_url) == []
    assert places_in_files(tmp_path) == []
    found = await verified_with_files(database_url, tmp_path)
    assert (found.differences, found.lines) == (0, [])
    [[pseudonym]] = await fetch(database_url, "SELECT pseudonym FROM erased_users")
    totals, expected = await read_totals(database_url), expect(under(events, pseudonym)).totals
    difference = difference_nano(expected, totals)
    record_fault(
        f"erasure killed {name}",
        sent=len(events),
        counted=found.checked["events"] + found.checked["archived"],
        difference=difference,
    )
    assert difference == 0
