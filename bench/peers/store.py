"""Records batches with psycopg: the peers whose libraries leave the writing to the user."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from bench.peers.costs import INCOMING_SQL, RECORD_SQL, CostRow


class PostgresStore:
    """A connection that records batches; each is one transaction."""

    def __init__(self, database_url: str) -> None:
        """Connect; raises psycopg.Error if that fails."""
        self._connection = psycopg.connect(database_url)
        with self._connection.transaction():
            self._connection.execute(INCOMING_SQL)

    def record(self, rows: Iterable[CostRow]) -> None:
        """Record the rows that are new, and add them to the totals."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            with cursor.copy("COPY incoming FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(RECORD_SQL)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
