"""A directory in memory for the data of a test server, which creates and deletes many small files.

A database of a test is about 700 files. On ext4 a new file takes none of the inodes that were
deleted in the last minute and searches past all of them: with a database per test, creating one
then takes ten times as long as in memory.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
FREE_BYTES_MIN = 4 << 30
_PREFIX = "cost-analytics-test-"


@contextmanager
def memory_directory(otherwise: Path, memory: Path = MEMORY) -> Iterator[Path]:
    """Yield an empty private directory in memory, or `otherwise` if there is not enough memory."""
    if not _has_space(memory):
        yield otherwise
        return
    _remove_leftovers(memory)
    with tempfile.TemporaryDirectory(
        dir=memory, prefix=f"{_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
    ) as path:
        yield Path(path)


def _has_space(memory: Path) -> bool:
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        return False
    return min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) >= FREE_BYTES_MIN


def _remove_leftovers(memory: Path) -> None:
    """Remove the directories of killed processes; they would keep memory until a restart."""
    for path in memory.glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
