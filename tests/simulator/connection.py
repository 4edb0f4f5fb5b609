"""A connection to PostgreSQL that fails by the seed, with the used methods of asyncpg.

It repeats asyncpg's behaviour at a failure: a transaction whose connection is closed raises
InterfaceError at its end, instead of the original error or cancellation.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg

from tests.simulator.chance import Chance
from tests.simulator.clock import VirtualLoop
from tests.simulator.process import SimulatedProcess
from tests.simulator.server import Backend, SteppedServer

T = TypeVar("T")
COMMAND_TIMEOUT_SECONDS = 60
LOCK_TIMEOUT_SECONDS = 20


class SimulatedDatabase:
    """The shared state of simulated connections: the server, its outages and its commits."""

    def __init__(self, server: SteppedServer, loop: VirtualLoop, chance: Chance) -> None:
        self.server = server
        self.loop = loop
        self.chance = chance
        self.is_down = False
        self.commits: list[int] = []
        """The transactions in order of commit."""
        self._connections: list[SimulatedConnection] = []
        self._opened = 0

    async def connect(self, url: str, worker_id: str) -> "SimulatedConnection":
        """Replace `ledger.operations.frozen_sessions.connect_worker`."""
        process = SimulatedProcess.current()
        self._opened += 1
        connection = SimulatedConnection(self, process, f"{process.name} db-{self._opened}")
        await process.wait_while_frozen()
        await asyncio.sleep(self.chance.latency_seconds())
        process.check()
        if self.is_down or self.chance.fault("connect", connection.name):
            raise ConnectionRefusedError("the simulated database refuses connections")
        self._connections.append(connection)
        process.on_kill(connection.lose)
        return connection

    def restart(self) -> None:
        """Close every connection, as a restart of the server does."""
        for connection in self._connections:
            connection.lose()
        self._connections.clear()

    async def committed(self, backend: Backend) -> int | None:
        """Return the transaction that a backend is about to commit, if it has written."""
        connection = backend.connection
        query = "SELECT pg_current_xact_id_if_assigned()::text::bigint % (2::bigint ^ 32)::bigint"
        found: int | None = await connection.fetchval(query)
        return found


class SimulatedConnection:
    """One connection of a process."""

    def __init__(self, database: SimulatedDatabase, process: SimulatedProcess, name: str) -> None:
        self.name = name
        self._database = database
        self._process = process
        self._backend: Backend | None = None
        self._is_open = True
        self._is_lost = False

    async def fetch(self, query: str, *arguments: Any) -> Any:
        """Return the rows, shuffled by the seed if the query has no order."""
        rows = await self._operate(query, lambda real: real.fetch(query, *arguments))
        return (
            rows if _is_ordered(query) else self._database.chance.shuffled(sorted(rows, key=repr))
        )

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return await self._operate(query, lambda real: real.fetchrow(query, *arguments))

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        return await self._operate(query, lambda real: real.fetchval(query, *arguments))

    async def execute(self, query: str, *arguments: Any) -> Any:
        return await self._operate(query, lambda real: real.execute(query, *arguments))

    async def copy_to_table(self, table: str, **more: Any) -> Any:
        """Copy rows, which are all computed before the first is sent."""
        rows = [row async for row in more.pop("source")]

        async def source() -> Any:
            for row in rows:
                yield row

        return await self._operate(
            f"COPY {table}", lambda real: real.copy_to_table(table, source=source(), **more)
        )

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False
    ) -> "_SimulatedTransaction":
        begin = f"BEGIN ISOLATION LEVEL {isolation.replace('_', ' ')}" if isolation else "BEGIN"
        return _SimulatedTransaction(self, f"{begin} READ ONLY" if readonly else begin)

    def is_in_transaction(self) -> bool:
        return self._backend is not None and self._backend.connection.is_in_transaction()

    def is_closed(self) -> bool:
        return not self._is_open or self._is_lost

    async def close(self, **_: Any) -> None:
        self.terminate()

    def terminate(self) -> None:
        self._is_open = False
        self.lose()

    def lose(self) -> None:
        """Break the connection: the server rolls back."""
        self._is_lost = True
        if self._backend is not None:
            backend, self._backend = self._backend, None
            self._database.server.take_back(backend)

    async def _operate(self, query: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        chance, kind = self._database.chance, "commit" if query == "COMMIT" else "statement"
        name = f"{self.name} {_short(query)}"
        if self.is_closed():
            raise asyncpg.InterfaceError("connection is closed")
        await self._process.wait_while_frozen()
        fault = chance.fault(kind, name)
        await self._wait_for_network()
        await self._fail(fault, "before")
        if fault == "refused":
            raise asyncpg.QueryCanceledError("canceling statement due to the simulation")
        try:
            result = await self._perform(query, work)
        except asyncpg.PostgresError as error:
            chance.note(f"{name} raises {type(error).__name__}")
            await self._wait_for_network()
            raise
        chance.note(f"{name} done{f' {result}' if isinstance(result, str) else ''}")
        await self._fail(fault, "after")
        await self._wait_for_network()
        return result

    async def _wait_for_network(self) -> None:
        """Wait for the network, during which the connection may break."""
        await asyncio.sleep(self._database.chance.latency_seconds())
        await self._process.wait_while_frozen()
        if self._is_lost:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in mid-operation")

    async def _fail(self, fault: str | None, when: str) -> None:
        if fault == f"cut {when}":
            self.lose()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in mid-operation")
        if fault == f"killed {when}":
            await self._process.die()
        if fault == f"no answer {when}":
            await asyncio.sleep(COMMAND_TIMEOUT_SECONDS)
            raise TimeoutError

    async def _perform(self, query: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        database = self._database
        if self._backend is None:
            self._backend = database.server.lend()
        backend = self._backend
        database.server.set_clock(database.loop.time(), database.loop.now())
        transaction = database.server.run(database.committed(backend)) if _commits(query) else None
        try:
            async with asyncio.timeout(LOCK_TIMEOUT_SECONDS):
                result = await database.server.perform(backend, work)
        except TimeoutError:
            raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout") from None
        except asyncpg.QueryCanceledError:
            if self._is_lost:
                raise asyncpg.ConnectionDoesNotExistError("connection was closed") from None
            raise
        if transaction is not None and result != "ROLLBACK":
            database.commits.append(transaction)
        return result


class _SimulatedTransaction:
    """A transaction, as asyncpg's context manager."""

    def __init__(self, connection: SimulatedConnection, begin: str) -> None:
        self._connection = connection
        self._begin = begin

    async def __aenter__(self) -> Self:
        assert not self._connection.is_in_transaction(), "the write path uses no savepoints"
        await self._connection.execute(self._begin)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection.is_closed():
            raise asyncpg.InterfaceError("cannot end a transaction: the connection is closed")
        await self._connection.execute("COMMIT" if error is None else "ROLLBACK")


def _commits(query: str) -> bool:
    return query == "COMMIT"


def _is_ordered(query: str) -> bool:
    """Return whether the outermost part of a query has an ORDER BY."""
    while query != (rest := re.sub(r"\([^()]*\)", "", query)):
        query = rest
    return "ORDER BY" in query


def _short(query: str) -> str:
    """Return one line that identifies a statement."""
    words = query.split()
    if len(words) < 6:
        return " ".join(words)
    return f"{words[0]} {hashlib.sha256(query.encode()).hexdigest()[:6]}"
