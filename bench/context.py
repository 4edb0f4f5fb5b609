"""The shared environment of all parts: the options, the events, the servers, the progress."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import cost_analytics
from bench.broker import Broker, fresh_broker
from bench.databases import Databases
from bench.events import Load
from bench.options import Options
from bench.progress import StepProgress
from cost_analytics import settings
from devkit.embedded.processes import Program, ServerProcess

_SOURCES = Path(cost_analytics.__file__).parent.parent


class InvalidRunError(Exception):
    """A run was incomplete, so its time is meaningless."""


@dataclass(frozen=True, slots=True)
class BenchContext:
    """Shared by all runs. `directory` is removed at the end."""

    options: Options
    directory: Path
    databases: Databases
    load: Load
    progress: StepProgress
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def broker(self) -> AbstractAsyncContextManager[Broker]:
        """Start a new broker; it ends with the block."""
        return fresh_broker(self.options.broker, self.directory / f"broker-{next(self._numbers)}")

    def python(
        self,
        name: str,
        *arguments: str,
        values: Mapping[str, str],
        interpreter: Path | None = None,
    ) -> ServerProcess:
        """Return a Python program of this project, not started, with the settings `values`.

        `interpreter` is the Python of another environment.
        """
        environment = settings.command_environment({"LOG_FORMAT": "text", **values})
        number = next(self._numbers)
        return ServerProcess(
            Program(
                name=name,
                command=[str(interpreter or sys.executable), "-P", "-m", *arguments],
                log=self.directory / f"{number:03d}-{name.replace(' ', '-')}.log",
                environment=environment | {"PYTHONPATH": str(_SOURCES)},
                # Not the current directory, which may have a `.local/dev.env`.
                directory=self.directory,
            )
        )

    @asynccontextmanager
    async def running(
        self, name: str, *arguments: str, values: Mapping[str, str]
    ) -> AsyncIterator[ServerProcess]:
        """Run such a program during a block."""
        process = self.python(name, *arguments, values=values)
        await process.start()
        try:
            yield process
        finally:
            await process.stop()
