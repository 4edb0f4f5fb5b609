"""Clients of the live feed, and a ledger beside it in which calls are recorded."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from api.app import build_app
from api.http.options import ApiOptions
from api.http.serving import serving
from cost_analytics.configuration.kafka_section import KafkaSection
from devkit.embedded.tansu import EmbeddedTansu
from ledger.calls.call import Call
from ledger.calls.totals import call_total
from ledger.postgres.viewers import reader_pool
from messaging.kafka import ensure_topics, make_producer
from messaging.producer import RecoveringProducer
from schemas.jsonio import encode
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS
from tests.support import documented_answers
from tests.support.api import ApiClient, authenticator, token
from tests.support.events import Plain
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog

STEP_SECONDS = 20


@dataclass
class SocketClient:
    """A client of one socket: its received messages, and the newest state of each call."""

    socket: ClientWebSocketResponse
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """Return the next message (of a kind); raises TimeoutError or ConnectionError."""
        async with asyncio.timeout(STEP_SECONDS):
            while True:
                message = await self.socket.receive()
                if message.type is not WSMsgType.TEXT:
                    raise ConnectionError(f"{message.type.name} {self.socket.close_code}")
                documented_answers.check_message(message.data)
                body: dict[str, Any] = json.loads(message.data, parse_float=Decimal)
                self._note(body)
                if kind in {None, body["type"]}:
                    return body

    def _note(self, body: dict[str, Any]) -> None:
        self.messages.append(body)
        if body["type"] == "snapshot":
            self.calls = {call["callId"]: call for call in body["calls"]}
        elif body["type"] == "call":
            call = body["call"]
            previous = self.calls.get(call["callId"])
            assert previous is None or previous["version"] < call["version"], "a version fell"
            self.calls[call["callId"]] = call

    async def until(self, call_id: str, **fields: Any) -> dict[str, Any]:
        """Receive until a call has these fields; returns it."""
        wanted = {"callId": call_id, **fields}
        while not wanted.items() <= _plain(self.calls.get(call_id, {})).items():
            await self.next()
        return self.calls[call_id]

    async def alerts(self, count: int) -> list[dict[str, Any]]:
        """Receive until there are `count` alerts; returns them."""
        while len(found := [m["alert"] for m in self.messages if m["type"] == "alert"]) < count:
            await self.next()
        return found

    async def closed(self) -> int | None:
        """Receive until the socket is closed; returns the code."""
        try:
            while True:
                await self.next()
        except ConnectionError:
            return self.socket.close_code

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))


def _plain(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if not isinstance(value, dict)}


class Replica(ApiClient):
    """A served application with its own feed."""

    @asynccontextmanager
    async def listening(
        self,
        user: str | None = "alice",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        protocols: tuple[str, ...] = (),
        **claims: Any,
    ) -> AsyncIterator[SocketClient]:
        """Open a socket with a token of a user, or without a token for None."""
        sent = dict(headers or {})
        if user is not None:
            sent["Authorization"] = f"Bearer {token(user, **claims)}"
        url = f"ws://127.0.0.1:{self.port}/api/costs/live{query}"
        async with self._session.ws_connect(
            url, headers=sent, protocols=protocols, max_msg_size=0
        ) as socket:
            yield SocketClient(socket)

    async def until_ready(self, *, ready: bool = True) -> None:
        """Wait until `/ready` answers 200, or without `ready` any other status."""
        async with asyncio.timeout(STEP_SECONDS):
            while ((await self.get("/ready")).status == 200) is not ready:
                await asyncio.sleep(0.02)


class LiveSystem:
    """A broker and a database in which calls are recorded and published."""

    def __init__(self, bootstrap: str, database_url: str, *, idempotent: bool = False) -> None:
        self.kafka = KafkaSection(bootstrap, idempotent=idempotent).client()
        self.database_url = database_url
        self._producing = RecoveringProducer(lambda: make_producer(self.kafka))
        self._writer = BatchWriter(database_url)
        self._log = TopicLog()

    async def record(self, *events: Plain, published: bool = True) -> list[Call]:
        """Record events as a worker does, and publish the changed calls."""
        outcome = await self._writer.record(self._log.batch(events))
        assert not outcome.refused, outcome.refused
        if published:
            await self.publish(outcome.changed)
        return outcome.changed

    async def publish(self, calls: list[Call]) -> None:
        """Publish the totals of calls."""
        now = datetime.now(UTC)
        totals = [(call.call_id.encode(), encode(call_total(call, now))) for call in calls]
        await self._producing.send_all(CALL_TOTALS.name, totals)

    async def send(self, topic: str, value: bytes) -> None:
        """Produce a value to a topic."""
        await self._producing.send_all(topic, [(b"key", value)])

    async def alert(self, user: str, number: int) -> None:
        """Publish an alert."""
        data = {"alertId": f"a-{number}", "userId": user, "type": "daily", "limit_usd": 10}
        event = {"specversion": "1.0", "id": f"a-{number}", "source": "/tests", "data": data}
        await self.send(BUDGET_ALERTS.name, json.dumps(event).encode())

    @asynccontextmanager
    async def replica(
        self, options: ApiOptions | None = None, *, ready: bool = True, port: int = 0
    ) -> AsyncIterator[Replica]:
        """Serve an application with its own feed."""
        async with AsyncExitStack() as stack:
            readers = await stack.enter_async_context(
                reader_pool(as_login(self.database_url, "api"))
            )
            app = build_app(readers, authenticator(), options, kafka=self.kafka.client_options())
            address = await stack.enter_async_context(serving(app, "127.0.0.1", port))
            session = await stack.enter_async_context(ClientSession())
            replica = Replica(session, address.port)
            if ready:
                await replica.until_ready()
            yield replica

    async def close(self) -> None:
        await self._producing.close()
        await self._writer.recorder.close()


@asynccontextmanager
async def live_system(
    bootstrap: str, database_url: str, *, idempotent: bool = False
) -> AsyncIterator[LiveSystem]:
    """Create missing topics; yields the system."""
    system = LiveSystem(bootstrap, database_url, idempotent=idempotent)
    await ensure_topics(system.kafka, partitions=4)
    try:
        yield system
    finally:
        await system.close()


async def restart(broker: EmbeddedTansu, system: LiveSystem) -> None:
    """Kill the embedded broker, which loses its data, and restart it with empty topics."""
    await broker.kill()
    await broker.start()
    await ensure_topics(system.kafka, partitions=4)


def ago(**span: int) -> datetime:
    """Return a time in the past."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)
