"""What every part of the benchmark works on: the options, the events, the servers, and a voice."""

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
from bench.narration import Narrator
from bench.options import Options
from cost_analytics import settings
from devkit.embedded.processes import Program, ServerProcess

_SOURCES = Path(cost_analytics.__file__).parent.parent


class InvalidRunError(Exception):
    """A run did not do the work it was timed for, so its time means nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Shared by all runs. `directory` is thrown away at the end."""

    options: Options
    directory: Path
    databases: Databases
    load: Load
    narrator: Narrator
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def broker(self) -> AbstractAsyncContextManager[Broker]:
        """Start a broker that nobody has used; it ends with the block."""
        return fresh_broker(self.options.broker, self.directory / f"broker-{next(self._numbers)}")

    def python(self, name: str, *arguments: str, values: Mapping[str, str]) -> ServerProcess:
        """Return a Python program of this project, not started, whose settings are `values`."""
        environment = settings.child_environment({"LOG_FORMAT": "text", **values})
        number = next(self._numbers)
        return ServerProcess(
            Program(
                name=name,
                command=[sys.executable, "-P", "-m", *arguments],
                log=self.directory / f"{number:03d}-{name.replace(' ', '-')}.log",
                environment=environment | {"PYTHONPATH": str(_SOURCES)},
                # Not where a `.local/dev.env` might lie.
                directory=self.directory,
            )
        )

    @asynccontextmanager
    async def running(
        self, name: str, *arguments: str, values: Mapping[str, str]
    ) -> AsyncIterator[ServerProcess]:
        """Run such a program for the length of a block."""
        process = self.python(name, *arguments, values=values)
        await process.start()
        try:
            yield process
        finally:
            await process.stop()
