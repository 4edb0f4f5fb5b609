"""Every socket is cut repeatedly under load: no client misses a change or sees an older one."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from tests.support import parts
from tests.support.events import cost, ended
from tests.support.fault_table import FaultRecorder
from tests.support.live import Replica, SocketClient, ago, live_system
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

CUTS = 50
USERS = 8
CALLS_EACH = 3
EVENTS_PER_ROUND = 40
SECONDS_MAX = 180


class ReconnectingClient:
    """A client that reconnects after each cut, to either replica."""

    def __init__(self, user: str, role: str, replicas: list[Replica]) -> None:
        self.user, self.role, self.replicas = user, role, replicas
        self.calls: dict[str, dict[str, Any]] = {}
        self.connections = self.fallen = self.received = self.received_here = 0
        self._socket: ClientWebSocketResponse | None = None

    async def run(self) -> None:
        while True:
            replica = random.choice(self.replicas)
            try:
                async with replica.listening(self.user, role=self.role) as socket_client:
                    self._socket, self.received_here = socket_client.socket, 0
                    self.connections += 1
                    await self._listen(socket_client)
            except (OSError, ConnectionError, TimeoutError):
                await asyncio.sleep(0)

    async def _listen(self, socket_client: SocketClient) -> None:
        while True:
            message = await socket_client.next()
            self.received += 1
            self.received_here += 1
            changed = message.get("calls", [message["call"]] if "call" in message else [])
            for call in changed:
                previous = self.calls.get(call["callId"])
                self.fallen += previous is not None and previous["version"] > call["version"]
                self.calls[call["callId"]] = call

    def cut(self) -> None:
        """Cut the connection without a close frame, as a lost network does."""
        self.received_here = 0
        if self._socket is not None:
            transport = self._socket._response.connection and self._socket._response.connection.transport  # fmt: skip
            if transport is not None:
                transport.abort()


@pytest.mark.timeout(SECONDS_MAX)
async def test_clients_agree_with_the_ledger_after_fifty_cuts(
    pipeline: Pipeline, record_fault: FaultRecorder
) -> None:
    """Two replicas show the totals of a real worker; the database has the expected ones."""
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(
            live_system(pipeline.bootstrap, pipeline.database_url, idempotent=pipeline.idempotent)
        )
        worker = await stack.enter_async_context(pipeline.worker())
        replicas = [await stack.enter_async_context(system.replica()) for _ in range(2)]
        people = [(f"user-{number}", "user") for number in range(USERS)] + [("root", "admin")]
        clients = [ReconnectingClient(user, role, replicas) for user, role in people]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        try:
            sent = await _load(pipeline, clients)
            await pipeline.until_counted(sent, worker)
            expected_calls = await _expected_calls(pipeline)

            async def agreed() -> bool:
                return all(
                    _shown_by(client) == _expected_of(client, expected_calls) for client in clients
                )

            try:
                await until(agreed, 30)
            finally:
                _print_figures(pipeline, clients, sent)
        finally:
            for task in tasks:
                task.cancel()
            ended_how = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended_how), ended_how
    record_fault(
        f"every socket cut {CUTS} times, {pipeline.broker}",
        sent=sent,
        counted=await pipeline.counted(),
        difference=_difference_nano(clients, expected_calls),
    )
    assert sum(client.fallen for client in clients) == 0
    assert min(client.connections for client in clients) > CUTS // 2


async def _load(pipeline: Pipeline, clients: list[ReconnectingClient]) -> int:
    """Send costs of all calls and cut all clients in between; returns the number of events."""
    sent = 0
    names = [(f"call-{n}", f"user-{n % USERS}") for n in range(USERS * CALLS_EACH)]
    for _ in range(CUTS):
        costs = [cost(*random.choice(names), time=ago(seconds=1)) for _ in range(EVENTS_PER_ROUND)]
        sent += len(await pipeline.send(costs))
        await until(lambda: _all_listen(clients))
        await asyncio.sleep(random.random() / 10)
        for client in clients:
            client.cut()
    last = [cost(*name, time=ago(seconds=1)) for name in names]
    over = [ended(*name, time=ago(seconds=0)) for name in names[::2]]
    return sent + len(await pipeline.send([*last, *over]))


async def _all_listen(clients: list[ReconnectingClient]) -> bool:
    """Return whether each client has received something since the last cut."""
    return all(client.received_here for client in clients)


Shown = dict[str, tuple[int, str, int]]


async def _expected_calls(pipeline: Pipeline) -> list[Any]:
    query = """
        SELECT call_id, user_id, version, status, (
                   SELECT sum(nano::numeric) FROM jsonb_each(costs::jsonb) AS d (day, services),
                          jsonb_each_text(services) AS s (service, nano))::bigint AS nano
          FROM calls"""
    return await fetch(pipeline.database_url, query)


def _expected_of(client: ReconnectingClient, expected_calls: list[Any]) -> Shown:
    return {
        row["call_id"]: (row["version"], row["status"], row["nano"])
        for row in expected_calls
        if client.role == "admin" or row["user_id"] == client.user
    }


def _shown_by(client: ReconnectingClient) -> Shown:
    return {
        name: (call["version"], call["status"], int(call["totalCost"] * 10**9))
        for name, call in client.calls.items()
    }


def _print_figures(pipeline: Pipeline, clients: list[ReconnectingClient], sent: int) -> None:
    parts.figures.append(
        f"{CUTS} cuts of every socket on {pipeline.broker}: {len(clients)} clients of two replicas, "
        f"{sum(c.connections for c in clients)} connections, {sent} events, "
        f"{sum(c.received for c in clients)} messages, versions that fell "
        f"{sum(c.fallen for c in clients)}"
    )


def _difference_nano(clients: list[ReconnectingClient], expected_calls: list[Any]) -> int:
    """Return the difference in nano-dollars between the clients' calls and the database."""
    return sum(
        abs(_shown_by(client).get(name, (0, "", 0))[2] - nano)
        for client in clients
        for name, (_, _, nano) in _expected_of(client, expected_calls).items()
    )
