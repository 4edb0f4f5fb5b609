"""The real PostgreSQL behind the simulation: one step at a time, and emptied between two runs.

Its work takes no virtual time. A statement that waits for a lock of another simulated connection is
parked, and the simulation goes on without it, so that what runs at a time is one statement only.
The clock of the database is the virtual one, too: `now()` is a function that comes before the
server's own.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from ledger.store.codecs import use_fast_codecs
from tests.support.background import Background

T = TypeVar("T")
_SETUP = """
    CREATE SCHEMA simulator;
    CREATE SCHEMA simulator_copies;
    CREATE UNLOGGED TABLE simulator.clock (at timestamptz NOT NULL);
    INSERT INTO simulator.clock VALUES ('2026-03-15');
    CREATE FUNCTION simulator.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT at FROM simulator.clock';
    CREATE FUNCTION simulator.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT at FROM simulator.clock';
"""
_DEFAULTS = r"""
    SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT simulator.now()', d.adrelid::regclass, a.attname)
    FROM pg_attrdef AS d JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
    WHERE pg_get_expr(d.adbin, d.adrelid) ~ '^(pg_catalog\.)?(now|clock_timestamp)\(\)$'
"""
_TABLES = """
    SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ', ') AS columns
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.oid ORDER BY c.oid::regclass::text
"""
_SEQUENCES = """
    SELECT format('SELECT setval(%L, %s, %L)', s.oid::regclass, coalesce(q.last_value, q.start_value), q.last_value IS NOT NULL)
    FROM pg_class AS s JOIN pg_sequences AS q ON (q.schemaname, q.sequencename) = ('public', s.relname)
    WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
"""
_BLOCKERS = "SELECT pid, pg_blocking_pids(pid) FROM unnest($1::integer[]) AS asked (pid)"
_SESSION = {
    "search_path": "simulator, public, pg_catalog",
    "timezone": "UTC",
    "deadlock_timeout": "1ms",
    "application_name": "simulator",
    "synchronous_commit": "off",
}
_PATIENCE_SECONDS = 0.004
_STUCK_SECONDS = 30
_CLOCK_STEP_SECONDS = 0.1


class Backend:
    """A real connection, lent to one simulated connection at a time."""

    def __init__(self, connection: asyncpg.Connection, is_fast: bool) -> None:
        self.connection = connection
        self.is_fast = is_fast
        self.pid = connection.get_server_pid()


class Server:
    """Lends backends, runs one statement after another, and knows who waits for whom."""

    def __init__(self, background: Background, url: str) -> None:
        """Prepare a migrated database; it must be this server's own."""
        self._background = background
        self._url = url
        self._free: dict[bool, list[Backend]] = {True: [], False: []}
        self._lent: dict[int, Backend] = {}
        self._parked: dict[int, tuple[Future[Any], asyncio.Future[None]]] = {}
        self._clock_seconds = -1.0
        self.clock_ahead = timedelta()
        self._reset = ""
        self.monitor = self.run(self._connect())
        self.run(self._prepare())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server while everything else stands still."""
        return self._background.run(work)

    def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Ask the database something about itself, from outside of the simulation."""
        found: list[Any] = self.run(self.monitor.fetch(query, *arguments))
        return found

    def close(self) -> None:
        """Close every connection."""
        for some in self._free.values():
            for backend in some:
                self.run(backend.connection.close())
        self.run(self.monitor.close())

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._url, server_settings=_SESSION, command_timeout=60)

    async def _prepare(self) -> None:
        await self.monitor.execute("SET session_replication_role = replica")  # no foreign keys
        await self.monitor.execute(_SETUP)
        for row in await self.monitor.fetch(_DEFAULTS):
            await self.monitor.execute(row[0])
        steps = [row[0] for row in await self.monitor.fetch(_SEQUENCES)]
        for table, columns in await self.monitor.fetch(_TABLES):
            steps.append(f"DELETE FROM {table}")
            if await self.monitor.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                copy = f'simulator_copies."{table}"'
                await self.monitor.execute(f"CREATE TABLE {copy} AS SELECT {columns} FROM {table}")
                steps.append(
                    f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {copy}"
                )
        self._reset = ";".join(steps)

    def reset(self) -> None:
        """Make the database what the migrations have made it."""
        self._clock_seconds = -1.0
        self.clock_ahead = timedelta()
        self.run(self.monitor.execute(self._reset))

    def set_clock(self, seconds: float, now: datetime) -> None:
        """Let the database know the time, which it may have a little late."""
        if seconds - self._clock_seconds >= _CLOCK_STEP_SECONDS or self._clock_seconds < 0:
            self._clock_seconds = seconds
            self.run(
                self.monitor.execute("UPDATE simulator.clock SET at = $1", now + self.clock_ahead)
            )

    def lend(self, is_fast: bool) -> Backend:
        """Lend a backend, with the product's own codecs if it `is_fast`."""
        free = self._free[is_fast]
        backend = free.pop() if free else self.run(self._open(is_fast))
        self._lent[backend.pid] = backend
        return backend

    async def _open(self, is_fast: bool) -> Backend:
        connection = await self._connect()
        if is_fast:
            await use_fast_codecs(connection)
        return Backend(connection, is_fast)

    def take_back(self, backend: Backend) -> None:
        """Roll back what a lost connection had begun, and lend its backend again."""
        self.cancel(backend)
        self.run(_roll_back(backend.connection))
        del self._lent[backend.pid]
        self._free[backend.is_fast].append(backend)
        self.settle()

    async def perform(
        self, backend: Backend, work: Callable[[asyncpg.Connection], Awaitable[T]]
    ) -> T:
        """Run a statement, waiting in virtual time for as long as another one has its locks."""
        future = self._background.begin(_of(work(backend.connection)))
        if self._is_blocked(future, backend.pid):
            waiting = asyncio.get_running_loop().create_future()
            self._parked[backend.pid] = parked = future, waiting
            try:
                await waiting
            finally:
                if not future.done():
                    self.cancel(backend)
                if self._parked.get(backend.pid) is parked:
                    del self._parked[backend.pid]
        try:
            return future.result()
        finally:
            if not backend.connection.is_in_transaction():
                self.settle()

    def _is_blocked(
        self, future: Future[Any], pid: int, patience_seconds: float = _PATIENCE_SECONDS
    ) -> bool:
        """Wait until a statement has ended, or waits for a lock of a lent backend."""
        deadline = time.monotonic() + _STUCK_SECONDS
        while time.monotonic() < deadline:
            with suppress(NotDoneError):
                future.exception(patience_seconds)
            if future.done():
                return False
            if self._waits(pid) and not future.done():
                return True
            patience_seconds = _PATIENCE_SECONDS
        raise AssertionError(f"a statement neither ends nor waits: {pid}")

    def _waits(self, pid: int) -> bool:
        """Say whether a backend waits for others, none of which waits for it in turn."""
        blockers = {row[0]: set(row[1]) for row in self.fetch(_BLOCKERS, sorted(self._lent))}
        reached, left = set[int](), {pid}
        while left:
            left = {blocker for one in left for blocker in blockers.get(one, ())} - reached
            reached |= left
        return bool(reached & self._lent.keys()) and pid not in reached

    def settle(self) -> None:
        """After locks may have been given up: let those go on who waited for them."""
        for pid, (future, waiting) in list(self._parked.items()):
            if not waiting.done() and not self._is_blocked(future, pid, patience_seconds=0):
                waiting.set_result(None)

    def cancel(self, backend: Backend) -> None:
        """Cancel the statement that waits, and wait for its end."""
        parked = self._parked.get(backend.pid)
        if parked is not None and not parked[0].done():
            self.fetch("SELECT pg_cancel_backend($1)", backend.pid)
            parked[0].exception(_STUCK_SECONDS)


async def _of(work: Awaitable[T]) -> T:
    return await work


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Give up all that the end of a session gives up, the locks of the session included."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
    await connection.execute("SELECT pg_catalog.pg_advisory_unlock_all()")
