"""The command `archive`, and `verify` and `rebuild` with its files, run as processes."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.cli import main
from tests.integration.archives.test_archiving import calls, record
from tests.support.archives import NOW, month_start
from tests.support.command import run_command
from tests.support.recording import fetch


async def run(database_url: str, cwd: Path, *words: str, **values: str) -> Any:
    return await asyncio.to_thread(
        run_command, *words, values={"DATABASE_URL": database_url, **values}, cwd=cwd
    )


async def test_months_are_archived_and_checked(database_url: str, tmp_path: Path) -> None:
    await record(database_url, calls())
    before = f"{month_start(2):%Y-%m}"
    done = await run(database_url, tmp_path, "archive", "--before", before, "--to", "old")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert "events, " in done.stdout
    again = await run(database_url, tmp_path, "archive", "--before", before, "--to", "old")
    assert again.stdout == f"Nothing to archive before {before}.\n"

    verified = await run(database_url, tmp_path, "verify", "--archive", "old")
    assert verified.stdout.endswith("1 archive files.\nDifferences: 0\n")
    await fetch(database_url, "DELETE FROM sealed_calls WHERE call_id = 'call-0'")
    damaged = await run(database_url, tmp_path, "verify", "--archive", "old")
    assert damaged.returncode == 1
    rebuilt = await run(database_url, tmp_path, "rebuild", "--archive", "old")
    assert rebuilt.stdout.startswith("Rebuilt the totals of 12 calls."), rebuilt.stderr
    assert (await run(database_url, tmp_path, "verify", "--archive", "old")).returncode == 0
    missing = await run(database_url, tmp_path, "rebuild", "--archive", "elsewhere")
    assert (missing.returncode, "No changes were made: " in missing.stderr) == (1, True)


async def test_invalid_arguments_get_a_clear_error(database_url: str, tmp_path: Path) -> None:
    newest = (NOW - timedelta(days=31)).replace(day=1)
    young = await run(database_url, tmp_path, "archive", "--before", f"{NOW.year + 1}-01")
    assert young.returncode == 1
    assert f"--before can be {newest:%Y-%m} at the latest" in young.stderr
    odd = await run(database_url, tmp_path, "archive", "--before", "2026-13")
    assert odd.returncode == 2
    assert "'2026-13' is not a month like 2026-01" in odd.stderr

    await record(database_url, calls())
    words = ("archive", "--before", f"{month_start(2):%Y-%m}")
    (tmp_path / "file").write_text("")
    taken = await run(database_url, tmp_path, *words, "--to", "file")
    assert (taken.returncode, "file cannot be written: " in taken.stderr) == (1, True), taken.stderr


def test_missing_pyarrow_names_the_extra_to_install(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asyncio.run(record(database_url, calls()))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["archive", "--before", f"{month_start(2):%Y-%m}", "--to", str(tmp_path)]) == 1
    assert (
        "The archive needs pyarrow: pip install 'cost-analytics[archive]'"
        in capsys.readouterr().err
    )
