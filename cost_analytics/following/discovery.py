"""Finds the files to follow: the named files and their rotated ones."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_UNREADABLE: Final = (".bz2", ".lz4", ".xz", ".zip", ".zst")
_FILES_MAX: Final = 10_000


class FoundFile(NamedTuple):
    """A file to read; `is_live` is false for a rotated file."""

    path: Path
    is_live: bool


def find_files(patterns: Sequence[str]) -> list[FoundFile]:
    """Return the named files and their rotated ones, such as `bot.log.1` and `bot.log-1130.gz`.

    Further files than _FILES_MAX are left out.
    """
    live = sorted({Path(name) for pattern in patterns for name in _matches(pattern)})
    found = {path: FoundFile(path, True) for path in live if path.is_file()}
    for path in live:
        for sibling in path.parent.glob(f"{glob.escape(path.name)}[.\\-_]*"):
            if sibling.suffix not in _UNREADABLE and sibling.is_file():
                found.setdefault(sibling, FoundFile(sibling, False))
    return list(found.values())[:_FILES_MAX]


def is_pattern(name: str) -> bool:
    """Return whether a name stands for several files."""
    return glob.has_magic(name)


def _matches(pattern: str) -> list[str]:
    """Return the files of a pattern.

    A plain name is returned even if there is no such file: it may have rotated files.
    """
    if not is_pattern(pattern):
        return [pattern]
    return glob.glob(pattern)  # noqa: PTH207 - patterns may be absolute
