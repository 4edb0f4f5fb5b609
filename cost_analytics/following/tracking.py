"""Keeps the followed files open and their positions, through renames, copies and truncations."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cost_analytics.following.discovery import FoundFile, find_files
from cost_analytics.following.log_file import FileId, LogFile, is_compressed
from cost_analytics.following.positions import FilePosition, fingerprint_of, proof_of
from cost_analytics.following.state_file import Checkpoint

QUIET_SECONDS: Final = 10
"""How long a rotated file must be unchanged to be complete, and a missing copy is waited for."""
POSITIONS_MAX: Final = 1_000
"""The positions that are kept. A forgotten file is read again, which changes no total."""
_END_BYTES: Final = 1024 * 1024

_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class TrackedFile:
    """An open file and how far it was read."""

    file: LogFile
    position: FilePosition
    is_live: bool
    size: int
    changed_at: float

    def fingerprint(self) -> str:
        """Return the prefix of its lines' ids; its first line must be complete."""
        return fingerprint_of(self.file)

    def note_size(self, now: float) -> None:
        """Remember when the file last grew."""
        size = self.file.size()
        if size != self.size:
            self.size, self.changed_at = size, now

    def is_final(self, now: float) -> bool:
        """Return whether no process appends to the file any more."""
        is_quiet = now - self.changed_at >= QUIET_SECONDS
        return self.file.is_compressed or (not self.is_live and is_quiet)


class Tracker:
    """The followed files. `scan` finds what a rotation changed."""

    def __init__(
        self, patterns: Sequence[str], checkpoint: Checkpoint | None, *, from_start: bool
    ) -> None:
        """`checkpoint` is None at the first start.

        A first start skips the lines that exist already, unless `from_start` is set.
        """
        self._patterns = patterns
        self._skips_present = checkpoint is None and not from_start
        self._positions = [] if checkpoint is None else checkpoint.positions
        self.since = int(time.time()) if self._skips_present else 0
        if checkpoint is not None:
            self.since = checkpoint.since
        self._open: dict[FileId, TrackedFile] = {}
        self._detached_at: dict[int, float] = {}
        self._copies: dict[FileId, tuple[int, int]] = {}
        self._unreadable: set[str] = set()

    @property
    def files(self) -> list[TrackedFile]:
        """The open files, rotated ones first: their lines are older."""
        return sorted(self._open.values(), key=lambda one: one.is_live)

    def positions(self) -> list[FilePosition]:
        """Return the positions of open files and the newest others, for the checkpoint."""
        attached = [tracked.position for tracked in self._open.values()]
        return self._unattached()[-POSITIONS_MAX:] + attached

    def scan(self, now: float | None = None) -> None:
        """Find new, renamed, copied and truncated files."""
        now = time.monotonic() if now is None else now
        for tracked in list(self._open.values()):
            if not tracked.position.is_in(tracked.file):
                self.detach(tracked, now)
        unknown = self._update_names(find_files(self._patterns), now)
        known_ids = {(one.device, one.inode) for one in self._unattached()}
        for found in sorted(unknown, key=lambda one: _id_of(one) not in known_ids):
            self._open_file(found, now)
        self._skips_present = False
        self._complete_files(now)

    def detach(self, tracked: TrackedFile, now: float | None = None) -> None:
        """Stop reading a file whose content was replaced; a copy may have the rest."""
        tracked.file.close()
        del self._open[tracked.file.id]
        self._detached_at[id(tracked.position)] = time.monotonic() if now is None else now
        self._copies.clear()

    def take_lost(self, *, at_once: bool, now: float | None = None) -> Iterator[FilePosition]:
        """Yield positions whose file is gone, once: lines after them may never have been read."""
        now = time.monotonic() if now is None else now
        for position in self._unattached():
            since = self._detached_at.get(id(position))
            is_due = at_once or since is None or now - since >= QUIET_SECONDS
            if is_due and position.offset and not position.is_complete and not position.is_lost:
                position.is_lost = True
                yield position

    def close(self) -> None:
        for tracked in self._open.values():
            tracked.file.close()

    def _unattached(self) -> list[FilePosition]:
        attached = {id(tracked.position) for tracked in self._open.values()}
        return [one for one in self._positions if id(one) not in attached]

    def _update_names(self, found: Sequence[FoundFile], now: float) -> list[FoundFile]:
        """Update the names of open files; return the files that are not open."""
        by_id = {file_id: one for one in reversed(found) if (file_id := _id_of(one)) is not None}
        for file_id, tracked in self._open.items():
            one = by_id.pop(file_id, None)
            tracked.is_live = one is not None and one.is_live
            if one is not None:
                tracked.file.path = one.path
                tracked.position.path = str(one.path)
            tracked.note_size(now)
        return list(by_id.values())[::-1]

    def _open_file(self, found: FoundFile, now: float) -> None:
        try:
            status = found.path.stat()
            state = (status.st_size, status.st_mtime_ns)
            file_id = FileId(status.st_dev, status.st_ino)
            if self._copies.get(file_id) == state or self._is_old(found.path, file_id, status):
                return
            file = LogFile(found.path)
            size = file.size()
        except OSError as error:
            self._note_unreadable(found, error)
            return
        position = self._position_in(file) if size else None
        if size == 0 or (position is None and self._is_copy(file, size)):
            self._copies[file.id] = state
            file.close()
            return
        if position is None:
            position = FilePosition(str(found.path), *file.id)
            self._positions.append(position)
            if self._skips_present:
                end = _end_of_lines(file, size)
                position.advance(end, file.count_lines(end), proof_of(file, end) or "")
        position.path, position.is_lost = str(found.path), False
        position.device, position.inode = file.id
        self._open[file.id] = TrackedFile(file, position, found.is_live, size, now)

    def _position_in(self, file: LogFile) -> FilePosition | None:
        """Return the position of what a file continues: preferably one of the same inode."""
        candidates = [one for one in self._unattached() if one.offset and one.is_in(file)]
        candidates.sort(key=lambda one: ((one.device, one.inode) == file.id, one.offset))
        return candidates[-1] if candidates else None

    def _is_copy(self, file: LogFile, size: int) -> bool:
        """Return whether the content is the beginning of an open file, or all of it."""
        proof = proof_of(file, size)
        return any(
            one.size >= size and proof_of(one.file, size) == proof for one in self._open.values()
        )

    def _is_old(self, path: Path, file_id: FileId, status: os.stat_result) -> bool:
        """Return whether a compressed file needs no unpacking: all was read, or it is history.

        gzip keeps the time of the last line.
        """
        if not is_compressed(path):
            return False
        known = (one for one in self._positions if (one.device, one.inode) == file_id)
        return status.st_mtime < self.since or any(one.is_complete for one in known)

    def _complete_files(self, now: float) -> None:
        """Mark rotated files as complete once all was read; close those that cannot change."""
        for tracked in list(self._open.values()):
            if tracked.position.offset >= tracked.size and tracked.is_final(now):
                tracked.position.is_complete = True
                if tracked.file.is_compressed or not tracked.file.path.exists():
                    self.detach(tracked, now)
            elif tracked.position.offset < tracked.size:
                tracked.position.is_complete = False

    def _note_unreadable(self, found: FoundFile, error: OSError) -> None:
        if str(found.path) not in self._unreadable and not isinstance(error, FileNotFoundError):
            self._unreadable.add(str(found.path))
            _log.warning(
                "%s cannot be read: %s", found.path, error, extra={"action": "log_unreadable"}
            )


def _id_of(found: FoundFile) -> FileId | None:
    try:
        status = found.path.stat()
    except OSError:
        return None
    return FileId(status.st_dev, status.st_ino)


def _end_of_lines(file: LogFile, size: int) -> int:
    """Return the offset after the last complete line; the end of a file of one very long line."""
    start = max(0, size - _END_BYTES)
    last = file.read_at(start, size - start).rfind(b"\n")
    return start + last + 1 if last >= 0 or not start else size
