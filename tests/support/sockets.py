"""Finds the process that has a TCP connection."""

from collections.abc import Iterable
from pathlib import Path


def owner_of_port(port: int, pids: Iterable[int]) -> int | None:
    """Return which process has the connection from a local port; None if none has it."""
    inode = next(
        (
            fields[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if int((fields := line.split())[1].split(":")[1], 16) == port
        ),
        None,
    )
    return next((pid for pid in pids if f"socket:[{inode}]" in _sockets(pid)), None)


def _sockets(pid: int) -> set[str]:
    try:
        return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()
