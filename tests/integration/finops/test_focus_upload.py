"""A FOCUS export to an object storage is the file of the export to a directory, or no object."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from cost_analytics.failures import CommandError
from cost_analytics.focus_files import FileType, export_costs, upload_costs
from cost_analytics.object_storage import Folder
from tests.integration.archives.test_archiving import OLD, calls, record
from tests.integration.finops.test_focus_export import ledger_sums, read_csv, sums_of
from tests.integration.finops.test_object_storage import section
from tests.support import parts
from tests.support.archives import NOW
from tests.support.command import COMMAND, environment, run_command
from tests.support.logins import as_login
from tests.support.object_storage import (
    BUCKET,
    KEY_ID,
    SECRET_KEY,
    FailingStorage,
    Fault,
    ObjectStorage,
    RequestKind,
)
from tests.support.processes import wait_for
from tests.support.recording import fetch

DAYS = OLD.date() - timedelta(days=1), NOW.date()
ROWS_OF_TWO_PARTS = 20_000
EARLIER = b"an earlier export"
ADD_ROWS = """INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, service, cost_nano)
              SELECT gen_random_uuid(), 'tests', 'e/' || n, 'cost.recorded', $1, 'user-1', 'call-1', 'twilio', 0
              FROM generate_series(1, $2::integer) AS n"""


def values(database_url: str, endpoint: str, directory: Path) -> dict[str, str]:
    """Return settings in which the secret is in a file."""
    file = directory / "secret-access-key"
    file.write_text(f"{SECRET_KEY}\n")
    return {
        "DATABASE_URL": as_login(database_url, "operator"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY_FILE": str(file),
    }


def words(file_type: FileType = "csv", path: str = "finops") -> list[str]:
    first, last = (day.isoformat() for day in DAYS)
    return [
        "export", "--format", "focus", "--from", first, "--to", last, "--file-type", file_type,
        "--to-url", f"s3://{BUCKET}/{path}",
    ]  # fmt: skip


@pytest.mark.parametrize("file_type", ["csv", "parquet"])
async def test_object_is_the_file_of_the_export(
    database_url: str, storage: ObjectStorage, tmp_path: Path, file_type: FileType
) -> None:
    await record(database_url, calls())
    done = run_command(
        *words(file_type), values=values(database_url, storage.endpoint, tmp_path), cwd=tmp_path
    )
    written = await export_costs(database_url, None, DAYS, tmp_path, file_type)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"s3://{BUCKET}/finops/{written.path.name}\n"
    assert storage.objects() == {f"finops/{written.path.name}": written.path.read_bytes()}


async def test_difference_from_the_totals_sends_nothing(
    database_url: str, storage: ObjectStorage
) -> None:
    await record(database_url, calls(2))
    await fetch(database_url, "UPDATE user_day_costs SET cost_nano = cost_nano + 1")
    to = Folder(BUCKET, "")
    async with FailingStorage(storage.endpoint, lambda kind, number: None).running() as proxy:
        with pytest.raises(CommandError, match="No file was written"):
            await upload_costs(database_url, None, DAYS, to, "csv", section(proxy.endpoint))
    assert proxy.requests == []


@pytest.mark.timeout(300)
async def test_killed_export_leaves_no_object_and_the_next_one_is_whole(
    database_url: str, storage: ObjectStorage, tmp_path: Path
) -> None:
    await record(database_url, calls(2))
    await fetch(database_url, ADD_ROWS, NOW, ROWS_OF_TWO_PARTS)
    written = await export_costs(database_url, None, DAYS, tmp_path, "csv")
    key, whole = f"finops/{written.path.name}", written.path.read_bytes()
    figures = []
    for kind in ("part", "complete"):
        storage.put(key, EARLIER)
        await kill_at(kind, storage, values(database_url, storage.endpoint, tmp_path), tmp_path)
        kept = storage.objects()
        assert kept == {key: EARLIER}
        figures.append(f"killed at {kind}: {len(kept[key])} of {len(EARLIER)} earlier bytes")
    done = run_command(
        *words(), values=values(database_url, storage.endpoint, tmp_path), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert storage.objects() == {key: whole}
    rows = read_csv(storage.objects()[key].decode())
    assert sums_of(rows) == await ledger_sums(database_url)
    parts.figures.append(
        f"FOCUS to an object storage: {', '.join(figures)}; then {written.rows} rows written, "
        f"{len(rows)} in the object, difference {written.rows - len(rows)}"
    )


async def kill_at(
    kind: str, storage: ObjectStorage, settings: Mapping[str, str], directory: Path
) -> None:
    """Run an export and kill it while the storage does not answer a request of a kind."""

    def hangs(asked: RequestKind, number: int) -> Fault | None:
        return "hang" if asked == kind else None

    temporary = directory / f"tmp-{kind}"
    temporary.mkdir()
    async with FailingStorage(storage.endpoint, hangs).running() as proxy:
        given = environment({**settings, "AWS_ENDPOINT_URL": proxy.endpoint})
        given["TMPDIR"] = str(temporary)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *COMMAND[1:], *words(), env=given, cwd=directory
        )
        try:
            assert await asyncio.to_thread(
                wait_for, lambda: any(fault == "hang" for _, fault in proxy.requests), 60
            )
        finally:
            process.kill()
            await process.wait()
    assert list(temporary.iterdir()) == []


async def test_secrets_are_in_no_line(
    database_url: str, storage: ObjectStorage, tmp_path: Path
) -> None:
    await record(database_url, calls(2))
    given = values(database_url, storage.endpoint, tmp_path)
    Path(given["AWS_SECRET_ACCESS_KEY_FILE"]).write_text("another-secret-than-that")
    done = run_command(*words(), values={**given, "LOG_LEVEL": "DEBUG"}, cwd=tmp_path)
    assert done.returncode == 1
    assert "SignatureDoesNotMatch" in done.stderr
    assert "another-secret-than-that" not in done.stdout + done.stderr
    del given["AWS_ACCESS_KEY_ID"]
    done = run_command(*words(), values=given, cwd=tmp_path)
    assert done.returncode == 2
    assert "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not" in done.stderr
    assert storage.objects() == {}
