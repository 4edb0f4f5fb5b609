"""Keeps lines that cannot be sent, with the reason, in a file of JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from cost_analytics.failures import CommandError

_TEXT_MAX: Final = 16 * 1024
_MODE: Final = 0o600


class RefusedLine(NamedTuple):
    """A line that was not sent, or one of its events; `id` identifies the line."""

    file: str
    line: int
    id: str
    error: str
    text: bytes


def keep(path: Path, refused: Iterable[RefusedLine]) -> None:
    """Append lines; returns once they are on the disk. Raises CommandError.

    After a crash some may be there twice, with the same id.
    """
    rows = [
        {
            **one._asdict(),
            "text": one.text[:_TEXT_MAX].decode(errors="backslashreplace"),
            **({"cut": True} if len(one.text) > _TEXT_MAX else {}),
        }
        for one in refused
    ]
    if not rows:
        return
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
        with os.fdopen(descriptor, "ab") as file:
            file.write(content.encode(errors="backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
