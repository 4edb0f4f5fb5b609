"""Directories in memory for the data of test servers: private, removed, and only if there is space."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import memory_directory as module
from tests.support.memory_directory import memory_directory


def test_directory_is_private_and_removed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", 0)
    with memory_directory(tmp_path / "otherwise", memory=tmp_path) as directory:
        assert directory.parent == tmp_path
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "file").touch()
    assert not directory.exists()


def test_other_directory_is_used_without_enough_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", psutil.virtual_memory().total + 1)
    with memory_directory(tmp_path / "otherwise", memory=tmp_path) as directory:
        assert directory == tmp_path / "otherwise"


def test_other_directory_is_used_without_a_file_system_in_memory(tmp_path: Path) -> None:
    with memory_directory(tmp_path, memory=tmp_path / "missing") as directory:
        assert directory == tmp_path


def test_leftovers_of_killed_processes_are_removed_and_others_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", 0)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leftover = tmp_path / f"cost-analytics-test-{ended.pid}-x"
    in_use = tmp_path / f"cost-analytics-test-{os.getppid()}-x"
    foreign = tmp_path / f"other-{ended.pid}-x"
    for path in (leftover, in_use, foreign):
        path.mkdir()
    with memory_directory(tmp_path / "otherwise", memory=tmp_path):
        assert not leftover.exists()
        assert in_use.exists()
        assert foreign.exists()
