"""Loads named SQL statements from `.sql` files; a capability keeps its file beside its modules.

A file holds statements, each headed by `-- name: some_name` and a sentence or two of comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Split the text of a file into statements by name; raises ValueError for a doubled name."""
    _, *parts = _HEADER.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError("two SQL statements have the same name")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


@cache
def statements(topic: str) -> Mapping[str, str]:
    """Return the statements of a file by name.

    `operations/gaps` is `ledger/operations/gaps.sql`.
    """
    path = files("ledger") / f"{topic}.sql"
    return MappingProxyType(parse(path.read_text(encoding="utf-8")))
