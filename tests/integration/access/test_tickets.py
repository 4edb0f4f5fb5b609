"""Tickets of the live feed that are altered, used, expired, or sent elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import WSServerHandshakeError

from devkit.embedded.tansu import EmbeddedTansu
from tests.support.api import token
from tests.support.attacks import OTHER_ADDRESS, AttackRecorder, client_at
from tests.support.live import LiveSystem, Replica, live_system

TICKET = "/api/costs/live/ticket"


@pytest.fixture
async def system(tansu: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(tansu.bootstrap, database_url) as system:
        yield system


async def issued(replica: Replica, **claims: Any) -> str:
    """Return a ticket of alice."""
    response = await replica.ask("POST", TICKET, bearer=token("alice", **claims))
    ticket: str = response.data["ticket"]
    return ticket


async def status_of(replica: Replica, ticket: str) -> int:
    """Return the status of a socket with a ticket, in the form of the query; 101 if it opens."""
    try:
        async with replica.listening(None, query=f"?ticket={ticket}") as client:
            assert (await client.next())["budget"]["userId"] == "alice"
            return 101
    except WSServerHandshakeError as error:
        return error.status


def altered(ticket: str) -> list[str]:
    """Return texts that are close to a ticket, quoted for the query."""
    texts = [
        ticket[:-1],
        ticket + "A",
        ticket.swapcase(),
        f" {ticket}",
        f"{ticket}\n",
        f"{ticket}=",
    ]
    return [*map(quote, texts), f"{ticket}%00", f"{ticket}%ff", f"%ED%A0%80{ticket}"]


async def test_ticket_opens_one_socket_of_its_user(
    system: LiveSystem, record_attack: AttackRecorder
) -> None:
    async with (
        system.replica() as replica,
        system.replica() as second,
        client_at(OTHER_ADDRESS) as session,
    ):
        ticket = await issued(replica)
        statuses = [await status_of(replica, text) for text in altered(ticket)]
        record_attack("tickets: altered", attempts=len(statuses), refused=statuses.count(401))
        elsewhere = [
            (await replica.ask(method, f"{path}?ticket={ticket}")).status
            for method, path in (("POST", TICKET), ("GET", "/api/costs/user/alice/budget"))
        ]
        bearer = await replica.ask("GET", "/api/costs/user/alice/budget", bearer=ticket)
        elsewhere.append(bearer.status)
        record_attack(
            "tickets: for other routes", attempts=len(elsewhere), refused=elsewhere.count(401)
        )
        assert await status_of(replica, ticket) == 101
        again = (replica, second, Replica(session, replica.port))
        statuses = [await status_of(at, ticket) for at in again]
        record_attack("tickets: used", attempts=len(statuses), refused=statuses.count(401))


async def test_ticket_outlives_neither_its_seconds_nor_its_token(
    system: LiveSystem, record_attack: AttackRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with system.replica() as replica:
        of_old_token = await issued(replica, exp=int(time.time()) + 2)
        monkeypatch.setattr("api.live.tickets.TICKET_SECONDS", 1)
        expired = await issued(replica)
        await asyncio.sleep(3)
        status = await status_of(replica, expired)
        record_attack("tickets: expired", attempts=1, refused=int(status == 401))
        async with replica.listening(None, query=f"?ticket={of_old_token}") as client:
            code = await client.closed()
        is_refused = int(code == 4401 and not client.messages)
        record_attack("tickets: of an expired token", attempts=1, refused=is_refused)
