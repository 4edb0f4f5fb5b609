"""Aligned columns of text, and times in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def columns(lines: Sequence[Sequence[str]], right: frozenset[int]) -> str:
    """Return lines as aligned columns; the columns in `right` are right-aligned."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def time_text(time: datetime) -> str:
    """Return a UTC time, without its time of day at midnight."""
    return time.isoformat().replace("+00:00", "Z").removesuffix("T00:00:00Z")
