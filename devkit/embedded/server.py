"""The base class of embedded servers: a directory, a loopback port, start and stop."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from devkit.embedded.ports import LOOPBACK, choose_port
from devkit.embedded.processes import ServerError, ServerProcess


class EmbeddedServer(ABC):
    """A server that runs during an `async with` block, or from `start()` to `stop()`.

    It can be started again after `stop()` or `kill()`, and keeps its port.
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        """`directory` contains its files; `port` None or 0 takes a free port."""
        self.directory = directory.absolute()
        self.port = port or 0
        self._process: ServerProcess | None = None

    @property
    def address(self) -> str:
        """`host:port`, valid after `start`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def process(self) -> ServerProcess:
        """The running child; its `exit_report()` describes how it ended."""
        if self._process is None:
            raise ServerError("the server has not been started")
        return self._process

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and return when it serves.

        Raises PortTakenError if the port is in use, ServerError if the server cannot start.
        """
        self.port = choose_port(self.port)
        try:
            await self._start()
        except BaseException:  # also a cancellation: no child may be left behind
            await self.kill()
            raise

    async def stop(self, grace_seconds: int | None = None) -> None:
        """Stop the server in order; kill it if that takes too long. Safe to repeat."""
        if self._process is not None:
            await self._process.stop(grace_seconds or self._stop_seconds_max)

    async def kill(self) -> None:
        """Kill the server immediately, like a crash. Safe to repeat."""
        if self._process is not None:
            await self._process.kill()

    @property
    @abstractmethod
    def _stop_seconds_max(self) -> int:
        """The time for an orderly stop before the server is killed."""

    @abstractmethod
    async def _start(self) -> None:
        """Set `_process` to a started process and return when it serves on `port`."""
