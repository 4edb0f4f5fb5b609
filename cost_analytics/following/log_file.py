"""An open log file, plain or compressed; it stays readable when it is renamed or removed."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_GZIP: Final = ".gz"
_PART_BYTES: Final = 1024 * 1024


class FileId(NamedTuple):
    """Identifies a file as long as it exists; the system reuses inodes."""

    device: int
    inode: int


class LogFile:
    """A file that is read by offsets; those of a compressed file are in its content."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.path = path
        self.is_compressed = is_compressed(path)
        """Whether it is compressed, so nothing is appended any more."""
        file: BinaryIO = path.open("rb")
        status = os.fstat(file.fileno())
        self.id = FileId(status.st_dev, status.st_ino)
        self._content = _unpack(file) if self.is_compressed else file

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from an offset, fewer at the end."""
        return os.pread(self._content.fileno(), size, offset)

    def size(self) -> int:
        """Return the size of the content in bytes."""
        return os.fstat(self._content.fileno()).st_size

    def count_lines(self, end: int) -> int:
        """Return the number of line ends before an offset."""
        lines = offset = 0
        while part := self.read_at(offset, min(_PART_BYTES, end - offset)):
            lines += part.count(b"\n")
            offset += len(part)
        return lines

    def close(self) -> None:
        self._content.close()


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed by gzip, by its name."""
    return path.suffix == _GZIP


def _unpack(file: BinaryIO) -> BinaryIO:
    """Return the content in a temporary file; empty while the file is still being compressed."""
    unpacked: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the log file
    with file, gzip.open(file) as content:
        try:
            shutil.copyfileobj(content, unpacked, _PART_BYTES)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            unpacked.truncate(0)
    unpacked.flush()
    return unpacked
