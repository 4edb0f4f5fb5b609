"""The checkpoint: written atomically, and on the disk before anything is read on."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from cost_analytics.failures import CommandError
from cost_analytics.following.positions import FilePosition

_VERSION: Final = 1
_MODE: Final = 0o600


@dataclass(slots=True)
class Checkpoint:
    """The positions of files, and since when they are followed, in Unix seconds.

    Lines of compressed files from before `since` are not read; with 0, all lines are read.
    """

    since: int
    positions: list[FilePosition] = field(default_factory=list)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a checkpoint; raises CommandError if another process holds it."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, _MODE)
    except OSError as error:
        raise CommandError(
            f"{lock} cannot be written: {error.strerror}. Name another place: --state FILE."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandError(f"Another process follows with the checkpoint {path}.") from None
    finally:
        os.close(descriptor)


def load(path: Path) -> Checkpoint | None:
    """Return the stored checkpoint, None if there is none; raises CommandError."""
    try:
        stored = json.loads(path.read_bytes())
        if stored["version"] != _VERSION:
            raise ValueError("it is of another release")
        positions = [FilePosition(**row) for row in stored["files"]]
        return Checkpoint(int(stored["since"]), positions)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError) as error:
        raise CommandError(
            f"The checkpoint {path} is damaged ({error}). Remove it and use --from-start: lines "
            "that were sent before count once."
        ) from None


def save(path: Path, since: int, positions: Iterable[FilePosition]) -> None:
    """Replace the checkpoint; returns once it is on the disk. Raises CommandError."""
    files = [asdict(one) for one in positions]
    content = json.dumps({"version": _VERSION, "since": since, "files": files})
    written = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise CommandError(f"The checkpoint {path} cannot be written: {error.strerror}.") from None


def sync_directory(path: Path) -> None:
    """Write the names of a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
