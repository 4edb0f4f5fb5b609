"""The parts of the development instance as child processes: started, watched, stopped in order.

Our own parts are the same commands that production runs. When any part ends by itself, the whole
instance ends: half a product would only puzzle people.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cost_analytics
from cost_analytics import settings
from devkit.embedded.processes import Program, ServerProcess

_STOP_SECONDS_MAX: Final = 4
_SIMULATION_STOP_SECONDS_MAX: Final = 2
SIMULATION: Final = "simulation"
_LAST_LINES: Final = 12
_PACKAGES: Final = Path(cost_analytics.__file__).parent.parent


class PartEndedError(Exception):
    """A part ended by itself; the message says which, how, and what it said last."""


class RunningParts:
    """The running children, in the order in which they were started."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """`directory` receives a log for each part; `environment` holds their settings."""
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)  # it may be there from an earlier release
        self._environment = _child_environment(environment)
        self._processes: list[ServerProcess] = []
        self._newest: dict[str, ServerProcess] = {}
        self._watchers: dict[ServerProcess, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[ServerProcess] = asyncio.get_running_loop().create_future()
        self._stopping = False

    async def start(self, name: str, *arguments: str) -> ServerProcess:
        """Start one of our own commands, such as `worker`, that goes on until it is stopped."""
        process = await self._start(name, arguments)
        self.watch(process)
        return process

    def process(self, name: str) -> ServerProcess:
        """Return the process of this name that was started last."""
        return self._newest[name]

    async def retire(self, process: ServerProcess, grace_seconds: int) -> None:
        """Stop one of our own commands, whose end is not the end of everything."""
        self.release(process)
        await process.stop(grace_seconds)
        self._processes.remove(process)

    async def finish(self, name: str, *arguments: str) -> None:
        """Run one of our own commands to its end; a failure is the end of everything."""
        process = await self._start(name, arguments)
        if await process.wait() != 0:
            self._end(process)

    async def _start(self, name: str, arguments: Sequence[str]) -> ServerProcess:
        process = ServerProcess(
            Program(
                name=f"the {name}",
                command=[sys.executable, "-P", "-m", "cost_analytics", *arguments],
                log=self._directory / f"{name}.log",
                environment=self._environment,
            )
        )
        self._processes.append(process)
        self._newest[name] = process
        await process.start()
        return process

    def watch(self, process: ServerProcess) -> None:
        """Treat the unexpected end of a process as the end of everything."""
        self._watchers[process] = asyncio.create_task(self._watch(process))

    def release(self, process: ServerProcess) -> None:
        """Stop watching a process that is going to be stopped."""
        self._watchers.pop(process).cancel()

    def rotate_logs(self) -> None:
        """Set aside the logs that have grown large, of all processes."""
        for process in {*self._processes, *self._watchers}:
            process.rotate_log()

    async def _watch(self, process: ServerProcess) -> None:
        await process.wait()
        self._end(process)

    def _end(self, process: ServerProcess) -> None:
        if not self._stopping and not self._ended.done():
            self._ended.set_result(process)

    async def until_one_ends(self) -> None:
        """Wait until a process ends; raises PartEndedError."""
        process = await asyncio.shield(self._ended)
        code = process.returncode or 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        raise PartEndedError(
            "\n  ".join([f"{process.program.name} ended {how}. Its last lines:", *_last(process)])
        )

    async def stop(self) -> None:
        """Stop our own parts: what sends events first, then the others together.

        Each gets a moment for what it is at and is killed then, within 6 s in all.
        """
        self._stopping = True
        if SIMULATION in self._newest:
            await self._newest[SIMULATION].stop(_SIMULATION_STOP_SECONDS_MAX)
        await asyncio.gather(*(one.stop(_STOP_SECONDS_MAX) for one in self._processes))
        for watcher in self._watchers.values():
            watcher.cancel()
        self._ended.cancel()

    def kill(self) -> None:
        """End our own parts at once."""
        self._stopping = True
        for process in self._processes:
            process.send(signal.SIGKILL)


def _last(process: ServerProcess) -> Sequence[str]:
    return process.last_lines(_LAST_LINES) or [f"(none; see {process.program.log})"]


def _child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment, in which our packages are found however we were started."""
    environment = settings.child_environment(values)
    paths = [str(_PACKAGES), *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": ":".join(paths)}
