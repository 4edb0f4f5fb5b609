"""The broker of the development instance, behind a constant address."""

from __future__ import annotations

from pathlib import Path

from devkit.embedded.processes import ServerProcess
from devkit.embedded.proxy import TcpProxy
from devkit.embedded.tansu import EmbeddedTansu


class DevBroker:
    """An embedded broker that can be replaced: `async with DevBroker(directory)`."""

    def __init__(self, directory: Path) -> None:
        """`directory` receives its log file."""
        self.proxy = TcpProxy()
        self._directory = directory
        self._brokers: list[EmbeddedTansu] = []
        self._bytes_at_start = 0

    async def __aenter__(self) -> DevBroker:
        await self.proxy.start()
        self.use(await self.start_another())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.proxy.stop()
        for broker in self._brokers:
            await broker.stop()

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; constant while the instance runs."""
        return self.proxy.address

    @property
    def current(self) -> EmbeddedTansu:
        """The broker that clients use, while this is open."""
        return self._brokers[0]

    @property
    def process(self) -> ServerProcess:
        return self.current.process

    @property
    def growth_bytes(self) -> int:
        """How much its memory has grown since clients use it, or since `restart_growth`."""
        return self.process.memory_bytes() - self._bytes_at_start

    def restart_growth(self) -> None:
        """Measure the growth from now on."""
        self._bytes_at_start = self.process.memory_bytes()

    async def start_another(self) -> EmbeddedTansu:
        """Start a broker without clients; raises ServerError."""
        broker = EmbeddedTansu(self._directory, advertised=self.bootstrap)
        self._brokers.append(broker)
        await broker.start()
        return broker

    def use(self, broker: EmbeddedTansu) -> None:
        """Direct clients to this broker."""
        self._brokers.remove(broker)
        self._brokers.insert(0, broker)
        self.restart_growth()
        self.proxy.open_to(broker.port)

    async def discard(self, broker: EmbeddedTansu) -> None:
        """Stop a broker without clients."""
        await broker.stop()
        self._brokers.remove(broker)
