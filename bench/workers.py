"""Worker processes as in production: `python -m cost_analytics worker`.

They are frozen (SIGSTOP) while the topic is filled, so that this takes no measured time and no
measured work is done before the clock starts.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bench.broker import Broker
from bench.context import BenchContext, InvalidRunError
from bench.databases import as_login
from bench.event_loops import longest_delay
from devkit.embedded.ports import choose_port
from devkit.embedded.processes import ServerProcess
from ledger.postgres.database import Connection
from schemas.topics import DEFAULT_PARTITIONS

_ASSIGNED_SECONDS_MAX: Final = 60
_STOP_SECONDS_MAX: Final = 60
_POLL_SECONDS: Final = 0.05

_SHARES = "SELECT cardinality(partitions) FROM stream_workers"


class Workers:
    """Running workers that share the partitions evenly."""

    def __init__(self, processes: Sequence[ServerProcess], ports: Sequence[int] = ()) -> None:
        """`ports` serve the metrics of the processes, for `longest_delay`."""
        self._processes = processes
        self._ports = ports

    @property
    def pids(self) -> list[int]:
        """The process ids."""
        return [process.pid for process in self._processes]

    def freeze(self) -> None:
        """Stop all workers with SIGSTOP."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the workers."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send(number)

    def check_alive(self) -> None:
        """Raise InvalidRunError if a worker has ended."""
        for process in self._processes:
            if not process.running:
                raise InvalidRunError(process.exit_report())

    async def longest_delay(self) -> float:
        """Return the smallest bound, in seconds, that no delay of their event loops exceeded."""
        return max([await longest_delay(port) for port in self._ports])

    async def stop(self) -> None:
        """Stop the workers; raises InvalidRunError if one did not end normally."""
        await asyncio.gather(*(process.stop(_STOP_SECONDS_MAX) for process in self._processes))
        for process in self._processes:
            if process.returncode != 0:
                raise InvalidRunError(process.exit_report())

    async def wait_assigned(self, connection: Connection) -> None:
        """Wait until each worker has its share of the partitions."""
        share, number = divmod(DEFAULT_PARTITIONS, len(self._processes))
        if number:
            raise ValueError("the workers cannot share the partitions evenly")
        deadline = asyncio.get_running_loop().time() + _ASSIGNED_SECONDS_MAX
        while True:
            self.check_alive()
            shares = [row[0] for row in await connection.fetch(_SHARES)]
            if shares == [share] * len(self._processes):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise InvalidRunError(f"the workers share the partitions as {shares}")
            await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def running_workers(
    context: BenchContext, number: int, broker: Broker, database_url: str
) -> AsyncIterator[Workers]:
    """Run `number` workers during a block."""
    values = broker.variables() | {
        "DATABASE_URL": as_login(database_url, "worker"),
        "LOG_LEVEL": "INFO",
    }
    ports = [choose_port() for _ in range(number)]
    processes = [
        context.python(
            f"worker {index}",
            "cost_analytics",
            "worker",
            values=values | {"WORKER_METRICS_PORT": str(port)},
        )
        for index, port in enumerate(ports, start=1)
    ]
    try:
        for process in processes:
            await process.start()
        yield Workers(processes, ports)
    finally:
        await asyncio.gather(*(process.kill() for process in processes))
