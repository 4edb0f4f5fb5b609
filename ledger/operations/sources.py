"""Owners of the sources of events sent over HTTP: the service that used a source first.

An identity is (source, id), and the first content of an identity counts. So a service that uses the
source of another service could prevent that service's costs from being counted.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("operations/sources")

SOURCES_MAX: Final = 1_000
"""The maximum number of sources that a service may claim; an operator may give it more."""
LISTED_MAX: Final = 100_000


class OwnedSource(NamedTuple):
    """A source and its owner."""

    source: str
    subject: str
    owned_since: datetime


class SourceStore:
    """Stores the owners of sources."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def claim(self, service: str, sources: Collection[str]) -> dict[str, str]:
        """Return the owner of each source; sources without an owner become the service's.

        New sources are left out if the service would then own more than SOURCES_MAX.
        """
        async with self._readers.reading(Viewer(service)) as connection:
            owners = await _owners(connection, sources)
        new = [source for source in sources if source not in owners]
        if not new:
            return owners
        async with self._readers.writing(Viewer(service)) as connection:
            await connection.execute(
                *_SQL.bind("claim", subject=service, sources=new, limit=SOURCES_MAX)
            )
            # Read again: another service may have claimed a source first.
            return owners | await _owners(connection, new)


async def _owners(connection: Connection, sources: Collection[str]) -> dict[str, str]:
    rows = await connection.fetch(*_SQL.bind("owners", sources=list(sources)))
    return {row["source"]: row["subject"] for row in rows}


async def list_sources(connection: Connection, subject: str | None = None) -> list[OwnedSource]:
    """Return sources by owner, at most LISTED_MAX; only those of `subject` if given."""
    rows = await connection.fetch(*_SQL.bind("list", subject=subject, limit=LISTED_MAX))
    return [OwnedSource(*row) for row in rows]


async def give_source(connection: Connection, source: str, subject: str) -> str | None:
    """Make a service the owner of a source; returns the previous owner."""
    before: str | None = await connection.fetchval(
        *_SQL.bind("give", source=source, subject=subject)
    )
    return before
