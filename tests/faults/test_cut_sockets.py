"""Every socket is cut again and again under load: nobody misses anything, and nothing goes back."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from tests.support import parts
from tests.support.events import cost, ended
from tests.support.fault_table import FaultRecorder
from tests.support.live import Heard, Replica, ago, world_on
from tests.support.recording import fetch, until
from tests.support.streaming import Stage

CUTS = 50
USERS = 8
CALLS_EACH = 3
EVENTS_PER_ROUND = 40
SECONDS_MAX = 180


class Client:
    """A client that connects again whenever it is cut, to the one replica or the other."""

    def __init__(self, user: str, role: str, replicas: list[Replica]) -> None:
        self.user, self.role, self.replicas = user, role, replicas
        self.calls: dict[str, dict[str, Any]] = {}
        self.connections = self.fallen = self.heard = self.heard_here = 0
        self._socket: ClientWebSocketResponse | None = None

    async def run(self) -> None:
        while True:
            replica = random.choice(self.replicas)
            try:
                async with replica.listening(self.user, role=self.role) as heard:
                    self._socket, self.heard_here = heard.socket, 0
                    self.connections += 1
                    await self._listen(heard)
            except (OSError, ConnectionError, TimeoutError):
                await asyncio.sleep(0)

    async def _listen(self, heard: Heard) -> None:
        while True:
            said = await heard.next()
            self.heard += 1
            self.heard_here += 1
            changed = said.get("calls", [said["call"]] if "call" in said else [])
            for call in changed:
                known = self.calls.get(call["callId"])
                self.fallen += known is not None and known["version"] > call["version"]
                self.calls[call["callId"]] = call

    def cut(self) -> None:
        """Cut the connection as a lost network would, without a word."""
        self.heard_here = 0
        if self._socket is not None:
            transport = self._socket._response.connection and self._socket._response.connection.transport  # fmt: skip
            if transport is not None:
                transport.abort()


@pytest.mark.timeout(SECONDS_MAX)
async def test_fifty_cuts_of_every_socket_under_load(
    stage: Stage, record_fault: FaultRecorder
) -> None:
    """Two replicas; totals of a real worker; the truth is asked of the database at the end."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            world_on(stage.bootstrap, stage.database_url, idempotent=stage.idempotent)
        )
        worker = await stack.enter_async_context(stage.worker())
        replicas = [await stack.enter_async_context(world.replica()) for _ in range(2)]
        people = [(f"user-{number}", "user") for number in range(USERS)] + [("root", "admin")]
        clients = [Client(user, role, replicas) for user, role in people]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        try:
            sent = await _load(stage, clients)
            await stage.until_counted(sent, worker)
            truth = await _truth(stage)

            async def agreed() -> bool:
                return all(_stand_in(client) == _wanted(client, truth) for client in clients)

            try:
                await until(agreed, 30)
            finally:
                _say(stage, clients, sent)
        finally:
            for task in tasks:
                task.cancel()
            ended_how = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended_how), ended_how
    record_fault(
        f"every socket cut {CUTS} times, {stage.broker}",
        sent=sent,
        counted=await stage.counted(),
        difference=_difference_nano(clients, truth),
    )
    assert sum(client.fallen for client in clients) == 0
    assert min(client.connections for client in clients) > CUTS // 2


async def _load(stage: Stage, clients: list[Client]) -> int:
    """Send costs of all calls and cut everybody in between; returns how many events were sent."""
    sent = 0
    names = [(f"call-{n}", f"user-{n % USERS}") for n in range(USERS * CALLS_EACH)]
    for _ in range(CUTS):
        costs = [cost(*random.choice(names), time=ago(seconds=1)) for _ in range(EVENTS_PER_ROUND)]
        sent += len(await stage.send(costs))
        await until(lambda: _all_listen(clients))
        await asyncio.sleep(random.random() / 10)
        for client in clients:
            client.cut()
    last = [cost(*name, time=ago(seconds=1)) for name in names]
    over = [ended(*name, time=ago(seconds=0)) for name in names[::2]]
    return sent + len(await stage.send([*last, *over]))


async def _all_listen(clients: list[Client]) -> bool:
    """Return whether everybody has heard something since the last cut."""
    return all(client.heard_here for client in clients)


Shown = dict[str, tuple[int, str, int]]


async def _truth(stage: Stage) -> list[Any]:
    query = """
        SELECT call_id, user_id, version, status, (
                   SELECT sum(nano::numeric) FROM jsonb_each(costs::jsonb) AS d (day, services),
                          jsonb_each_text(services) AS s (service, nano))::bigint AS nano
          FROM calls"""
    return await fetch(stage.database_url, query)


def _wanted(client: Client, truth: list[Any]) -> Shown:
    return {
        row["call_id"]: (row["version"], row["status"], row["nano"])
        for row in truth
        if client.role == "admin" or row["user_id"] == client.user
    }


def _stand_in(client: Client) -> Shown:
    return {
        name: (call["version"], call["status"], int(call["totalCost"] * 10**9))
        for name, call in client.calls.items()
    }


def _say(stage: Stage, clients: list[Client], sent: int) -> None:
    parts.figures.append(
        f"{CUTS} cuts of every socket on {stage.broker}: {len(clients)} clients of two replicas, "
        f"{sum(c.connections for c in clients)} connections, {sent} events, "
        f"{sum(c.heard for c in clients)} messages, versions that fell "
        f"{sum(c.fallen for c in clients)}"
    )


def _difference_nano(clients: list[Client], truth: list[Any]) -> int:
    """Return by how many nano-dollars the clients' calls differ from the database's."""
    return sum(
        abs(_stand_in(client).get(name, (0, "", 0))[2] - nano)
        for client in clients
        for name, (_, _, nano) in _wanted(client, truth).items()
    )
