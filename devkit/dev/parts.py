"""The processes of the development instance: started, watched and stopped in order.

They are the same commands as in production. If one ends by itself, the whole instance ends: an
incomplete product would be confusing.
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
    """A process ended by itself; the message contains its name, exit status and last lines."""


class RunningParts:
    """The child processes in the order in which they were started."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Take the directory of the logs and the settings of the processes."""
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)  # an earlier release may have created it
        self._environment = _command_environment(environment)
        self._processes: list[ServerProcess] = []
        self._newest: dict[str, ServerProcess] = {}
        self._watchers: dict[ServerProcess, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[ServerProcess] = asyncio.get_running_loop().create_future()
        self._stopping = False

    async def start(self, name: str, *arguments: str) -> ServerProcess:
        """Start one of our commands, such as `worker`, that runs until it is stopped."""
        process = await self._start(name, arguments)
        self.watch(process)
        return process

    def process(self, name: str) -> ServerProcess:
        """Return the last started process of this name."""
        return self._newest[name]

    async def retire(self, process: ServerProcess, grace_seconds: int) -> None:
        """Stop one of our commands without ending the instance."""
        self.release(process)
        await process.stop(grace_seconds)
        self._processes.remove(process)

    async def finish(self, name: str, *arguments: str) -> None:
        """Run one of our commands to its end; a failure ends the instance."""
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
        """End the instance if this process ends."""
        self._watchers[process] = asyncio.create_task(self._watch(process))

    def release(self, process: ServerProcess) -> None:
        """Stop watching a process that will be stopped."""
        self._watchers.pop(process).cancel()

    def rotate_logs(self) -> None:
        """Rotate the large logs of all processes."""
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
            "\n  ".join(
                [f"{process.program.name} ended {how}. Its last lines:", *_last_lines(process)]
            )
        )

    async def stop(self) -> None:
        """Stop our commands: the simulation first, then the others together.

        Each has some time to finish and is killed then, within 6 s in total.
        """
        self._stopping = True
        if SIMULATION in self._newest:
            await self._newest[SIMULATION].stop(_SIMULATION_STOP_SECONDS_MAX)
        await asyncio.gather(*(process.stop(_STOP_SECONDS_MAX) for process in self._processes))
        for watcher in self._watchers.values():
            watcher.cancel()
        self._ended.cancel()

    def kill(self) -> None:
        """Kill our commands immediately."""
        self._stopping = True
        for process in self._processes:
            process.send(signal.SIGKILL)


def _last_lines(process: ServerProcess) -> Sequence[str]:
    return process.last_lines(_LAST_LINES) or [f"(none; see {process.program.log})"]


def _command_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of our commands, with our packages on the path."""
    environment = settings.command_environment(values)
    paths = [str(_PACKAGES), *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": ":".join(paths)}
