"""Reports with the version of their rows, so that an unchanged report need not be read again."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Versioned(NamedTuple, Generic[T]):
    """A report, and the version of the rows behind it; None if the known version is still right."""

    version: str
    report: T | None
