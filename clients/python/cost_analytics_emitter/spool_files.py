"""The files of a spool: lines with checksums in numbered segments, and the lock of their owner.

A line is eight digits of CRC-32, a blank, and its content: the JSON of an event, or `D SEGMENT
OFFSET`, which says that everything before this position is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SUFFIX: Final = ".spool"
_CHECKSUM_BYTES: Final = 9
_DONE: Final = b"D "
_OWNER_ONLY: Final = 0o600


class SpoolInUseError(RuntimeError):
    """Another process, or another emitter of this one, uses the directory."""


class SpoolPosition(NamedTuple):
    """A place in the spool: a segment's number and an offset in bytes."""

    segment: int
    offset: int


class SpoolLine(NamedTuple):
    """A line: where it ends, and its content, None if it is damaged."""

    end: int
    content: bytes | None

    @property
    def is_event(self) -> bool:
        return self.content is not None and not self.content.startswith(_DONE)


def encode_line(content: bytes) -> bytes:
    """Return the line of a content, which has no line break."""
    return b"%08x %s\n" % (crc32(content), content)


def encode_done(position: SpoolPosition) -> bytes:
    """Return the line that says that everything before a position is done."""
    return encode_line(b"%s%d %d" % (_DONE, *position))


def done_position(line: SpoolLine) -> SpoolPosition | None:
    """Return the position of a line that says what is done, None for other lines."""
    if line.content is None or line.is_event:
        return None
    segment, offset = line.content[len(_DONE) :].split()
    return SpoolPosition(int(segment), int(offset))


def lines_of(data: bytes, start: int, *, is_whole: bool) -> Iterator[SpoolLine]:
    """Yield the lines of data that begins at the offset `start`.

    `data` may end in the middle of a line, which is then left out. If `data` `is_whole`, such a
    line was never completed, and is yielded as damaged.
    """
    at = 0
    while (newline := data.find(b"\n", at)) >= 0:
        yield SpoolLine(start + newline + 1, _checked(data[at:newline]))
        at = newline + 1
    if is_whole and at < len(data):
        yield SpoolLine(start + len(data), None)


def _checked(line: bytes) -> bytes | None:
    content = line[_CHECKSUM_BYTES:]
    return content if line[:_CHECKSUM_BYTES] == b"%08x " % crc32(content) else None


def segment_path(directory: Path, number: int) -> Path:
    """Return the file of a segment."""
    return directory / f"{number:012d}{_SUFFIX}"


def segment_numbers(directory: Path) -> list[int]:
    """Return the numbers of all segments, the oldest first."""
    names = (path.stem for path in directory.glob(f"*{_SUFFIX}"))
    return sorted(int(name) for name in names if name.isdigit())


def create_segment(directory: Path, number: int) -> int:
    """Return the descriptor of a new file that is only appended to, and read at any position."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
    return os.open(segment_path(directory, number), flags, _OWNER_ONLY)


def lock_directory(directory: Path) -> int:
    """Return the descriptor that holds the lock until it is closed, or until the process ends.

    Raises SpoolInUseError, and OSError if the directory cannot be written.
    """
    if fcntl is None:
        raise OSError("a spool needs the file locks of Linux or macOS")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise SpoolInUseError(
            f"The spool {directory} is in use by process {owner or '(unknown)'}. Give each process "
            "a directory of its own, such as one per worker number."
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
    return descriptor
