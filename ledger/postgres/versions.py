"""Reports with the version of their rows, so that an unchanged report need not be read again."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class VersionedReport(NamedTuple, Generic[T]):
    """A report and the version of its rows; `report` is None if the client's version is current."""

    version: str
    report: T | None
