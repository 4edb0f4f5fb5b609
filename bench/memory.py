"""Samples the memory of processes, and of the PostgreSQL session with the most memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import psutil

SESSION: Final = "PostgreSQL session"
_SAMPLE_SECONDS: Final = 0.05
_KIB: Final = 1024


class MemoryPeaks:
    """The maximum memory of each named process during a block, in bytes.

    A process counts with its resident memory, a PostgreSQL session with its private part: the rest
    is the shared buffers.
    """

    def __init__(self, pids: Mapping[str, int], server_pid: int) -> None:
        self.bytes: dict[str, int] = dict.fromkeys([*pids, SESSION], 0)
        self._pids = dict(pids)
        self._server = psutil.Process(server_pid)

    def sample(self) -> None:
        """Take one sample; ended processes are left out."""
        for name, pid in self._pids.items():
            self._note(name, memory_of(pid, "VmRSS"))
        for session in self._server.children():
            self._note(SESSION, memory_of(session.pid, "RssAnon"))

    def _note(self, name: str, size_bytes: int) -> None:
        self.bytes[name] = max(self.bytes[name], size_bytes)

    async def __aenter__(self) -> Self:
        self.sample()
        self._task = asyncio.create_task(self._sample_repeatedly())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self.sample()

    async def _sample_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            self.sample()


def memory_of(pid: int, name: str) -> int:
    """Return a value of `/proc/PID/status` in bytes; 0 for a process that has ended.

    The present resident memory is `VmRSS`, its maximum `VmHWM`.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:")]
    return int(sizes[0]) * _KIB if sizes else 0
