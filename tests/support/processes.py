"""Queries of the operating system about processes."""

import time
from collections.abc import Callable

import psutil


def alive(pid: int) -> bool:
    """Return whether a process runs; zombies do not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def with_in_command_line(text: str) -> list[int]:
    """Return the ids of the living processes whose command line contains `text`."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(text in word for word in process.info["cmdline"] or []) and alive(process.pid)
    ]


def family(pid: int) -> list[int]:
    """Return a process id and those of its descendants."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def wait_for(condition: Callable[[], bool], seconds: int = 60) -> bool:
    """Wait until `condition()` holds, for at most `seconds`; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def owner(pid: int) -> int:
    """Return the id of the account that a process runs under."""
    return psutil.Process(pid).uids().effective
