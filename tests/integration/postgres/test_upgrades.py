"""The last release works on a database that this one has migrated, and its ledger stays exact.

Its code, and a ledger with every kind of row, are frozen in `tests/releases`. The same requests and
records go to the ledger as it was and to a migrated copy of it; both must give the same answers.
"""

import asyncio
import io
import json
import lzma
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.backups.restore import restore_backup
from cost_analytics.configuration.secret import Secret
from ledger.operations.archive_checks import verify_archive
from ledger.operations.verification import verify
from ledger.postgres.migrate import migrate
from ledger.postgres.migration_files import known_version
from tests.support import parts
from tests.support.complete_ledger import SPARSE, empty_tables
from tests.support.databases import DatabaseCloner
from tests.support.freeze_release import ARCHIVE, CODE, DUMP, RELEASES
from tests.support.logins import as_login
from tests.support.recording import fetch

ALL = sorted(RELEASES.iterdir(), key=lambda path: [int(part) for part in path.name.split(".")])
LAST = ALL[-1]
DUMP_BYTES_MAX = 500_000
UNPREPARED_MAX = 40
SECONDS_MAX = 240
RESTORE = """
import asyncio, sys
from pathlib import Path
from cost_analytics.backups.restore import restore_backup
from cost_analytics.configuration.secret import Secret
asyncio.run(restore_backup(Secret(sys.argv[1]), Path(sys.argv[2]), lambda _: None, replace=True))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS_MAX)]


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the code of the last release."""
    folder = tmp_path_factory.mktemp("release")
    content = io.BytesIO(lzma.decompress((LAST / CODE).read_bytes()))
    with tarfile.open(fileobj=content) as archive:
        archive.extractall(folder, filter="data")
    return folder


async def run_old(code: Path, *words: str) -> str:
    """Run Python with the code of the last release; returns its output."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=code,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(code)},
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


async def use_old(code: Path, url: str) -> dict[str, Any]:
    """Write and read with the last release; returns what its script found."""
    logins = (url, as_login(url, "worker"), as_login(url, "api"))
    found: dict[str, Any] = json.loads(
        await run_old(code, "-m", "tests.support.use_release", *logins)
    )
    assert found["code"].startswith(str(code))
    return found


def comparable(request: str, answer: list[Any]) -> tuple[int, str]:
    """Return an answer without what is random, and without what depends on the time of day."""
    text = re.sub(r'[\w-]{32}|(?<="hint":")[\w-]+', "RANDOM", answer[1])
    return answer[0], re.sub(r"[\d.]+", "N", text) if "/forecast" in request else text


def difference(request: str, before: list[Any], after: list[Any]) -> str:
    """Return a request with the first part of its answers that differs."""
    texts = f"{before[0]} {before[1]}", f"{after[0]} {after[1]}"
    pairs = enumerate(zip(*texts, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), 0)
    return f"{request}: " + " | ".join(text[max(0, place - 80) : place + 60] for text in texts)


@pytest.fixture
async def old_ledger(database_url: str, old_code: Path) -> str:
    """Return the address of the last release's ledger, restored by that release."""
    await run_old(old_code, "-c", RESTORE, database_url, str(LAST / DUMP))
    return database_url


async def test_last_release_writes_and_reads_the_migrated_ledger(
    old_ledger: str, old_code: Path, databases: DatabaseCloner
) -> None:
    async with databases.copied(old_ledger) as migrated:
        applied = await migrate(migrated)
        before, after = await use_old(old_code, old_ledger), await use_old(old_code, migrated)
        # Some cannot be prepared anywhere: several commands in one, or temporary tables.
        unusable = {failure.split(": ")[0] for failure in before["failures"]}
        broken = [one for one in after["failures"] if one.split(": ")[0] not in unusable]
        assert not broken, "the last release's statements need what was changed"
        assert len(unusable) < UNPREPARED_MAX
        changed = [
            difference(request, answer, after["answers"][request])
            for request, answer in before["answers"].items()
            if comparable(request, after["answers"][request]) != comparable(request, answer)
        ]
        assert not changed, "\n".join(changed)
        statuses = Counter(status for status, _ in before["answers"].values())
        assert statuses[200] > 40, statuses
        assert (before["differences"], before["lines"]) == (0, [])
        assert (after["differences"], after["lines"]) == (0, [])
        found = await verify(migrated)
        assert (found.differences, found.lines) == (0, [])
        assert found.checked["events"] > 0
    parts.figures.append(
        f"upgrade from {LAST.name}: {applied} migrations; the last release sent "
        f"{len(before['answers'])} requests, {len(changed)} answered differently; difference 0"
    )


async def test_migration_that_breaks_the_last_release_is_found(
    old_ledger: str, old_code: Path
) -> None:
    await fetch(old_ledger, "ALTER TABLE call_cost_events RENAME COLUMN cost_nano TO cost")
    with pytest.raises(AssertionError, match="cost_nano"):
        await use_old(old_code, old_ledger)


@pytest.mark.parametrize("release", ALL, ids=lambda path: path.name)
async def test_ledger_of_each_release_is_restored_migrated_and_exact(
    release: Path, database_url: str
) -> None:
    manifest, _ = await restore_backup(
        Secret(database_url), release / DUMP, lambda _: None, replace=True
    )
    assert manifest.contents.schema_version <= known_version()
    found = await verify(database_url)
    await verify_archive(database_url, release / ARCHIVE, found)
    assert (found.differences, found.lines) == (0, [])
    assert found.checked["archived"] > 0
    [states] = await fetch(
        database_url,
        "SELECT count(*), count(*) FILTER (WHERE costs_expired_at IS NOT NULL) FROM month_seals",
    )
    assert (states[0], states[1]) == (2, 1)


async def test_frozen_ledger_has_every_kind_of_row(old_ledger: str) -> None:
    assert await empty_tables(old_ledger) == SPARSE
    assert (LAST / DUMP).stat().st_size <= DUMP_BYTES_MAX
