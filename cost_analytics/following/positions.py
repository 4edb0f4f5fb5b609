"""How far each file was read, and how the file is recognized after a rotation.

Rotation renames a file, or copies and truncates it, so neither its name nor its inode identifies
it. Its content does: a position keeps a digest of the first and the last bytes before the offset. A
file that has them is the same file under another name, or its copy, and reading continues there.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

PROOF_BYTES: Final = 1024
"""How many bytes at the beginning, and before the offset, are compared."""
_DIGEST_BYTES: Final = 16
_SHORT_BYTES: Final = 8


class Content(Protocol):
    """The content of a file."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from an offset, fewer at the end."""


@dataclass(slots=True)
class FilePosition:
    """How far a file was read: `line` complete lines, which end at `offset`.

    `is_complete` means that no process writes to the file any more and that it was read to its
    end, `is_lost` that it was reported as missing. Neither is reported again.
    """

    path: str
    device: int
    inode: int
    offset: int = 0
    line: int = 0
    proof: str = ""
    is_complete: bool = False
    is_lost: bool = False

    def advance(self, offset: int, line: int, proof: str) -> None:
        """Move to a later offset. `proof` is that of the content before it."""
        self.offset, self.line, self.proof = offset, line, proof

    def is_in(self, content: Content) -> bool:
        """Return whether a file has everything that was read until this position."""
        return proof_of(content, self.offset) == self.proof


def proof_of(content: Content, offset: int) -> str | None:
    """Return a digest of the first bytes and of those before an offset; None if one is missing."""
    if offset == 0:
        return ""
    size = min(offset, PROOF_BYTES)
    head, tail = content.read_at(0, size), content.read_at(offset - size, size)
    if len(head) < size or len(tail) < size:
        return None
    return blake2b(head + tail, digest_size=_DIGEST_BYTES).hexdigest()


def fingerprint_of(content: Content) -> str:
    """Return a digest of a file's first line, at most of its first 1,024 bytes."""
    head, end, _ = content.read_at(0, PROOF_BYTES).partition(b"\n")
    return _short_digest(head + end)


def line_id(fingerprint: str, offset: int, line: bytes) -> str:
    """Return the id of a line, the same in a renamed or copied file, and after a restart.

    Two lines have the same id only if both they and the first lines of their files are equal, and
    they begin at the same offset.
    """
    return f"{fingerprint}-{offset}-{_short_digest(line.rstrip())}"


def _short_digest(content: bytes) -> str:
    return blake2b(content, digest_size=_SHORT_BYTES).hexdigest()
