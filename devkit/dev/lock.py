"""Prevents two development instances in one directory.

The kernel releases the lock when its holder ends in any way, so there are no stale locks.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cost_analytics.failures import CommandError


@contextmanager
def hold_lock(path: Path, note: str) -> Iterator[None]:
    """Hold the lock during a block; `note` describes the holder to others.

    Raises CommandError with the holder's note if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            raise CommandError(
                f"It is running in this directory already ({holder}). Stop that one first, "
                "or start this one in another directory."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{note}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
