"""Workers and replicas of the API are replaced one after the other: no request fails.

Two of each run behind HAProxy. Events arrive over HTTP and through Kafka, clients read and listen
all the time, and each process is stopped by SIGTERM and started again.
"""

import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType

from devkit.embedded.apache_kafka import ApacheKafka
from tests.support import parts
from tests.support.events import Plain
from tests.support.fault_load import USER, FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.haproxy import HaProxy
from tests.support.product_processes import Product
from tests.support.streaming import Pipeline, SentRecord

READERS = 4
CHUNK = 25
DRAIN_SECONDS = 1
"""How long a replica that is to be stopped gets no new requests."""
PATHS = (f"/api/costs/user/{USER}/spending", f"/api/costs/user/{USER}/budget")


@dataclass
class Clients:
    """Clients that send, read and listen through a proxy, and what they experienced."""

    url: str
    product: Product
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    connections: int = 0
    longest_gap: float = 0
    is_done: asyncio.Event = field(default_factory=asyncio.Event)

    async def report(self, session: ClientSession, events: list[Plain]) -> None:
        """Send a batch of events; a batch that is not accepted is a failure, and is sent again."""
        body = f"[{','.join((SentRecord.of(event).value or b'').decode() for event in events)}]"
        headers = self._headers("emitter", "service")
        while not await self._request(session, "POST", "/api/costs/events", headers, body, 202):
            await asyncio.sleep(0.2)

    async def keep_reading(self, session: ClientSession) -> None:
        """Read the user's own figures until the end."""
        for path in itertools.cycle(PATHS):
            if self.is_done.is_set():
                return
            await self._request(session, "GET", path, self._headers(USER, "user"), None, 200)
            await asyncio.sleep(0.04)

    async def keep_listening(self, session: ClientSession) -> None:
        """Listen to the live feed, and connect again at once when it ends."""
        lost_at: float | None = None
        while not self.is_done.is_set():
            try:
                async with session.ws_connect(
                    f"{self.url}/api/costs/live", headers=self._headers(USER, "user")
                ) as socket:
                    self.connections += 1
                    while (await socket.receive()).type is WSMsgType.TEXT:
                        if lost_at is not None:
                            self.longest_gap = max(self.longest_gap, time.monotonic() - lost_at)
                            lost_at = None
            except (ClientError, OSError) as error:
                self.failures.append(f"socket: {error!r}")
            lost_at = lost_at or time.monotonic()
            await asyncio.sleep(random.uniform(0.05, 0.15))

    async def _request(
        self,
        session: ClientSession,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str | None,
        expected: int,
    ) -> bool:
        self.requests += 1
        try:
            async with session.request(
                method, f"{self.url}{path}", headers=headers, data=body
            ) as response:
                text = await response.text()
                if response.status == expected:
                    return True
                self.failures.append(f"{method} {path}: {response.status} {text[:200]}")
        except (ClientError, OSError) as error:
            self.failures.append(f"{method} {path}: {error!r}")
        return False

    def _headers(self, user: str, role: str) -> dict[str, str]:
        token = self.product.token(user, role)  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


class Installation:
    """Two workers, two replicas and a proxy."""

    def __init__(self, pipeline: Pipeline, directory: Path) -> None:
        self.products = []
        for name in ("one", "two"):
            (directory / name).mkdir()
            self.products.append(Product(pipeline, directory / name))
        ports = {f"api{number}": each.port for number, each in enumerate(self.products)}
        self.proxy = HaProxy(directory, ports)

    async def start(self) -> None:
        """Start everything."""
        self.proxy.start()
        for product in self.products:
            product.start("worker")
            product.start("api")
        for number, product in enumerate(self.products):
            await product.until_ready()
            await self.proxy.use(f"api{number}")

    async def restart_all(self) -> None:
        """Replace the workers, then the replicas, each by itself."""
        for product in self.products:
            await self._restart(product, "worker")
        for number, product in enumerate(self.products):
            await self.proxy.drain(f"api{number}")
            await asyncio.sleep(DRAIN_SECONDS)
            await self._restart(product, "api")
            await self.proxy.use(f"api{number}")
            await asyncio.sleep(DRAIN_SECONDS)

    async def _restart(self, product: Product, name: str) -> None:
        process = product.process(name)
        process.terminate()
        code = await asyncio.to_thread(process.wait, 40)
        assert code == 0, product.log(name)
        product.start(name)
        await product.until_ready()

    def close(self) -> None:
        """Stop everything."""
        self.proxy.stop()
        for product in self.products:
            product.close()


async def send_in_both_ways(load: FaultLoad, clients: Clients, session: ClientSession) -> None:
    """Send the events, every second chunk over HTTP, until the restarts are done."""
    for number, start in enumerate(range(0, len(load.events), CHUNK)):
        chunk = load.events[start : start + CHUNK]
        if number % 2:
            await clients.report(session, chunk)
        else:
            await load.pipeline.send(chunk)
        if not clients.is_done.is_set():
            await asyncio.sleep(0.25)


@pytest.mark.alone
@pytest.mark.apache
@pytest.mark.timeout(300)
async def test_rolling_restart_fails_no_request_and_loses_nothing(
    apache_kafka: ApacheKafka, database_url: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    pipeline = Pipeline(apache_kafka.bootstrap, True, database_url)
    await pipeline.reset_topics()
    load = FaultLoad(pipeline)
    await load.set_limits()
    installation = Installation(pipeline, tmp_path)
    clients = Clients(f"http://127.0.0.1:{installation.proxy.port}", installation.products[0])
    timeout = ClientTimeout(total=None, sock_connect=5, sock_read=30)
    try:
        await installation.start()
        async with ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            for _ in range(READERS):
                tasks.create_task(clients.keep_reading(session))
            listening = tasks.create_task(clients.keep_listening(session))
            sending = tasks.create_task(send_in_both_ways(load, clients, session))
            await load.until_recorded(0.05)
            await installation.restart_all()
            clients.is_done.set()
            await sending
            listening.cancel()
        await load.assert_all_counted("2 workers and 2 API replicas restarted", record_fault)
    finally:
        installation.close()
    parts.figures.append(
        f"rolling restart behind HAProxy: {clients.requests} requests, "
        f"{len(clients.failures)} failed; {clients.connections} sockets, "
        f"longest gap {clients.longest_gap * 1_000:.0f} ms"
    )
    assert clients.failures == []
    assert clients.connections >= 2
