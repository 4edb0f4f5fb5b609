"""The definition of a metric; operators rely on its name and labels."""

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """A metric: its name, help text and labels; counters end in `_total`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
