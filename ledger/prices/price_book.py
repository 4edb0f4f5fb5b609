"""Caches the price catalogue in memory and notices new rows."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from ledger.postgres.database import Connection
from ledger.prices.catalogue import Catalogue
from ledger.prices.reading import catalogue_version, read_catalogue

REFRESH_SECONDS: Final = 5


class PriceBook:
    """The catalogue, shared by all lanes of a worker."""

    def __init__(self) -> None:
        """Start empty; the first refresh reads the catalogue."""
        self.catalogue = Catalogue(())
        self._version = -1
        self._checked_at = 0
        self._lock = asyncio.Lock()

    async def refresh(self, connection: Connection, *, at_once: bool = False) -> None:
        """Read the catalogue again if it has new rows; checks this every few seconds, or `at_once`.

        Raises a PostgreSQL error or OSError.
        """
        now = time.monotonic_ns()
        due = now - self._checked_at >= REFRESH_SECONDS * 1_000_000_000
        if not due and not at_once and self._version >= 0:
            return
        async with self._lock:  # otherwise a slower lane could put back older prices
            version = await catalogue_version(connection)
            if version != self._version:
                self.catalogue = await read_catalogue(connection)
                self._version = version
            self._checked_at = now
