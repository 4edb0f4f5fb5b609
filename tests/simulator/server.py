"""The real PostgreSQL behind the simulation: one step at a time, and emptied between two runs.

Its work takes no virtual time. A statement that waits for a lock of another simulated connection is
parked: its backend is stopped (SIGSTOP), so that only one statement runs at a time. When locks are
released, the backends that got them continue one after another, in the order of their parking.
PostgreSQL's locks and snapshots stay what they are; only their order no longer depends on the machine.
The clock of the database is the virtual one, too: `now()` is a function that comes before the
server's own.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from ledger.postgres.partitions import ensure_months, month_of
from tests.simulator.clock import START
from tests.support.background_loop import BackgroundLoop

T = TypeVar("T")
_SETUP = """
    CREATE SCHEMA simulator;
    CREATE SCHEMA simulator_copies;
    CREATE UNLOGGED TABLE simulator.clock (at timestamptz NOT NULL);
    INSERT INTO simulator.clock VALUES ('2026-03-15');
    GRANT USAGE ON SCHEMA simulator TO PUBLIC; -- triggers run as the owner of the tables
    GRANT SELECT ON ALL TABLES IN SCHEMA simulator TO PUBLIC;
    CREATE FUNCTION simulator.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT at FROM simulator.clock';
    CREATE FUNCTION simulator.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT at FROM simulator.clock';
    CREATE OR REPLACE FUNCTION public.writers_slot() RETURNS smallint LANGUAGE sql STABLE
        RETURN coalesce(current_setting('simulator.slot', true), '0')::smallint;
"""
_SLOTS = 16
_DEFAULTS = r"""
    SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT simulator.now()', d.adrelid::regclass, a.attname)
    FROM pg_attrdef AS d JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
    WHERE pg_get_expr(d.adbin, d.adrelid) ~ '^(pg_catalog\.)?(now|clock_timestamp)\(\)$'
"""
_NO_VACUUM = """
    SELECT format('ALTER TABLE %s SET (autovacuum_enabled = off)', oid::regclass)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_EMPTY = """
    DO $$
    DECLARE used text := (
        SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
    );
    BEGIN
        IF used IS NOT NULL THEN
            EXECUTE 'TRUNCATE ' || used || ' CASCADE';
        END IF;
    END $$
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
    "deadlock_timeout": "1h",  # the simulation detects deadlocks itself
    "plan_cache_mode": "force_custom_plan",  # plans must not depend on earlier statements of a session
    "application_name": "simulator",
    "synchronous_commit": "off",
}
_PARTITION_DAYS = [timedelta(days=days) for days in (-60, -30, 0, 30, 60)]
_PATIENCE_SECONDS = 0.004
_STUCK_SECONDS = 30
_CLOCK_STEP_SECONDS = 0.1


class Backend:
    """A real connection, used by one simulated connection at a time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.pid = connection.get_server_pid()


class SteppedServer:
    """Lends backends, runs one statement at a time, and tracks lock waits."""

    def __init__(self, background: BackgroundLoop, url: str) -> None:
        """Prepare a migrated database of this server alone."""
        self._background = background
        self._url = url
        self._free: list[Backend] = []
        self._lent: dict[int, Backend] = {}
        self._parked: dict[int, tuple[Future[Any], asyncio.Future[None]]] = {}
        self._deadlocked: set[int] = set()
        self._lendings = 0
        self._clock_seconds = -1.0
        self.clock_ahead = timedelta()
        self._reset = ""
        self.monitor = self.run(self._connect())
        self.run(self._prepare())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server while everything else waits."""
        return self._background.run(work)

    def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Query the database from outside the simulation."""
        found: list[Any] = self.run(self.monitor.fetch(query, *arguments))
        return found

    def close(self) -> None:
        """Close every connection."""
        for backend in self._free:
            self.run(backend.connection.close())
        self.run(self.monitor.close())

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self._url, server_settings=_SESSION, command_timeout=60)

    async def _prepare(self) -> None:
        await self.monitor.execute("SET session_replication_role = replica")  # no foreign keys
        await self.monitor.execute(_SETUP)
        await ensure_months(self.monitor, (month_of(START + days) for days in _PARTITION_DAYS))
        for row in await self.monitor.fetch(f"{_DEFAULTS} UNION ALL {_NO_VACUUM}"):
            await self.monitor.execute(row[0])
        steps = [_EMPTY, *(row[0] for row in await self.monitor.fetch(_SEQUENCES))]
        for table, columns in await self.monitor.fetch(_TABLES):
            if await self.monitor.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                copy = f'simulator_copies."{table}"'
                await self.monitor.execute(f"CREATE TABLE {copy} AS SELECT {columns} FROM {table}")
                steps.append(
                    f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {copy}"
                )
        self._reset = ";".join(steps)

    def reset(self) -> None:
        """Restore the state after the migrations, page by page.

        The order of rows and the plans of queries depend on the former content of the pages.
        """
        self._clock_seconds = -1.0
        self._lendings = 0
        self.clock_ahead = timedelta()
        self.run(self.monitor.execute(self._reset))

    def set_clock(self, seconds: float, now: datetime) -> None:
        """Set the database's clock, possibly a little late."""
        if seconds - self._clock_seconds >= _CLOCK_STEP_SECONDS or self._clock_seconds < 0:
            self._clock_seconds = seconds
            self.run(
                self.monitor.execute("UPDATE simulator.clock SET at = $1", now + self.clock_ahead)
            )

    def lend(self) -> Backend:
        """Lend a backend. The seed decides its slot, which otherwise depends on its process id."""
        backend = self._free.pop() if self._free else self.run(self._open())
        self._lendings += 1
        slot = f"SET simulator.slot = {self._lendings % _SLOTS}"
        self.run(backend.connection.execute(slot))
        self._lent[backend.pid] = backend
        return backend

    async def _open(self) -> Backend:
        return Backend(await self._connect())

    def take_back(self, backend: Backend) -> None:
        """Roll back a lost connection and make its backend available again."""
        self.cancel(backend)
        self._deadlocked.discard(backend.pid)
        self.run(_roll_back(backend.connection))
        del self._lent[backend.pid]
        self._free.append(backend)
        self.continue_released()

    async def perform(
        self, backend: Backend, work: Callable[[asyncpg.Connection], Awaitable[T]]
    ) -> T:
        """Run a statement, waiting in virtual time for locks.

        Raises DeadlockDetectedError in the statement whose wait completes a cycle.
        """
        future = self._background.begin(_of(work(backend.connection)))
        if self._is_blocked(future, backend.pid):
            waiting = asyncio.get_running_loop().create_future()
            self._parked[backend.pid] = parked = future, waiting
            self._stop(backend.pid)
            try:
                await waiting
            finally:
                if not future.done():
                    self.cancel(backend)
                if self._parked.get(backend.pid) is parked:
                    del self._parked[backend.pid]
        try:
            return future.result()
        except asyncpg.QueryCanceledError:
            if backend.pid in self._deadlocked:
                self._deadlocked.discard(backend.pid)
                raise asyncpg.DeadlockDetectedError("deadlock detected") from None
            raise
        finally:
            if not backend.connection.is_in_transaction():
                self.continue_released()

    def _is_blocked(self, future: Future[Any], pid: int) -> bool:
        """Wait until a statement has ended or waits for a lock of a lent backend."""
        deadline = time.monotonic() + _STUCK_SECONDS
        while time.monotonic() < deadline:
            with suppress(NotDoneError):
                future.exception(_PATIENCE_SECONDS)
            if future.done():
                return False
            blockers = self._blockers(pid)
            if pid in blockers:
                self._deadlocked.add(pid)
                self.fetch("SELECT pg_cancel_backend($1)", pid)
                future.exception(_STUCK_SECONDS)
            elif blockers:
                return True
        raise AssertionError(f"a statement neither ends nor waits: {pid}")

    def _blockers(self, pid: int) -> set[int]:
        """Return the lent backends that block a backend, directly or indirectly.

        The backend itself is among them in a deadlock.
        """
        blockers = {row[0]: set(row[1]) for row in self.fetch(_BLOCKERS, sorted(self._lent))}
        reached, left = set[int](), {pid}
        while left:
            left = {blocker for one in left for blocker in blockers.get(one, ())} - reached
            reached |= left
        return reached & self._lent.keys()

    def continue_released(self) -> None:
        """Continue the statements that got their locks, one at a time."""
        while pid := self._first_released():
            future, waiting = self._parked[pid]
            os.kill(pid, signal.SIGCONT)
            if self._is_blocked(future, pid):
                self._stop(pid)
            else:
                waiting.set_result(None)

    def _first_released(self) -> int | None:
        waiting = [pid for pid, parked in self._parked.items() if not parked[1].done()]
        return next((pid for pid in waiting if not self._blockers(pid)), None)

    def _stop(self, pid: int) -> None:
        """Stop a waiting backend: while it waits, it holds no latch that others need."""
        os.kill(pid, signal.SIGSTOP)

    def cancel(self, backend: Backend) -> None:
        """Cancel a waiting statement, and wait for its end."""
        parked = self._parked.get(backend.pid)
        if parked is not None and not parked[0].done():
            self.fetch("SELECT pg_cancel_backend($1)", backend.pid)
            os.kill(backend.pid, signal.SIGCONT)
            parked[0].exception(_STUCK_SECONDS)


async def _of(work: Awaitable[T]) -> T:
    return await work


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Release everything that a session holds, its session locks included."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
    await connection.execute("SELECT pg_catalog.pg_advisory_unlock_all()")
