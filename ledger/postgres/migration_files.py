"""The migrations of this program: numbered SQL files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple


class Migration(NamedTuple):
    """A step of the schema; `version` is the number at the start of its file name."""

    version: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """Return all steps in order; raises ValueError if the numbering has a gap."""
    steps = [
        Migration(int(file.name.split("_", 1)[0]), file.name, file.read_text(encoding="utf-8"))
        for file in _files()
    ]
    if [step.version for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError("migrations must be numbered 0001, 0002, … without a gap")
    return steps


@cache
def known_version() -> int:
    """Return the schema version of this program."""
    return len(_files())


def _files() -> list[Traversable]:
    folder = files("ledger.postgres") / "migrations"
    steps = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(steps, key=lambda file: file.name)
