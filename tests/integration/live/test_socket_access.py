"""Who may open a socket: credentials, origins, limits and lifetime."""

import asyncio
import select
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from yarl import URL

from api.http.options import ApiOptions, RequestLimits
from devkit.embedded.tansu import EmbeddedTansu
from tests.support.api import SECRET, token
from tests.support.attacks import AttackRecorder
from tests.support.events import cost
from tests.support.live import LiveSystem, Replica, ago, live_system
from tests.support.recording import fetch
from tests.support.tokens import forged

ORIGIN = "https://app.example"
TICKET = "/api/costs/live/ticket"


@pytest.fixture
async def system(tansu: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(tansu.bootstrap, database_url) as system:
        yield system


@pytest.fixture
async def replica(system: LiveSystem) -> AsyncIterator[Replica]:
    async with system.replica(ApiOptions(cors_origins=(ORIGIN,))) as replica:
        yield replica


async def refused(replica: Replica, *arguments: Any, **options: Any) -> int:
    """Return the status of a refused socket."""
    with pytest.raises(WSServerHandshakeError) as refusal:
        async with replica.listening(*arguments, **options):
            pass
    return refusal.value.status


async def test_socket_accepts_header_subprotocol_and_ticket(replica: Replica) -> None:
    async with replica.listening("alice") as client:
        assert (await client.next())["budget"]["userId"] == "alice"
        assert client.socket.protocol is None
    protocols = ("cost.v1", f"bearer.{token('bob')}")
    async with replica.listening(None, protocols=protocols) as client:
        assert client.socket.protocol == "cost.v1"
        assert (await client.next())["budget"]["userId"] == "bob"
    response = await replica.ask("POST", TICKET, bearer=token("carol"))
    assert response.data["expiresIn_seconds"] == 30
    assert response.headers["Cache-Control"] == "no-store"
    query = f"?ticket={response.data['ticket']}"
    async with replica.listening(None, query=query, protocols=("cost.v1",)) as client:
        assert client.socket.protocol == "cost.v1"
        assert (await client.next())["budget"]["userId"] == "carol"
    assert await refused(replica, None, query=query) == 401


async def test_ticket_is_valid_once_on_any_replica(system: LiveSystem, replica: Replica) -> None:
    async with system.replica() as other:
        for _ in range(5):
            ticket = (await replica.ask("POST", TICKET, bearer=token("alice"))).data["ticket"]
            path = f"?ticket={ticket}"

            async def opened(at: Replica, query: str = path) -> bool:
                try:
                    async with at.listening(None, query=query) as client:
                        return bool((await client.next())["budget"]["userId"] == "alice")
                except WSServerHandshakeError as error:
                    assert error.status == 401
                    return False

            responses = await asyncio.gather(*(opened(at) for at in (replica, other) * 4))
            assert sum(responses) == 1


async def test_ticket_is_stored_as_a_digest_and_expires(
    system: LiveSystem, replica: Replica
) -> None:
    ticket = (await replica.ask("POST", TICKET, bearer=token("alice"))).data["ticket"]
    [row] = await fetch(system.database_url, "SELECT * FROM live_tickets")
    assert ticket.encode() not in bytes(row["ticket_hash"])
    assert len(row["ticket_hash"]) == 32
    await fetch(system.database_url, "UPDATE live_tickets SET expires_at = now()")
    assert await refused(replica, None, query=f"?ticket={ticket}") == 401
    for number in range(51):
        response = await replica.ask("POST", TICKET, bearer=token("alice"))
        assert response.status == (200 if number < 50 else 429)
    assert len(await fetch(system.database_url, "SELECT FROM live_tickets")) == 50


async def test_services_and_unauthenticated_clients_are_refused(replica: Replica) -> None:
    assert await refused(replica, "alice", role="service") == 403
    assert (await replica.ask("POST", TICKET, bearer=token(role="service"))).status == 403
    assert await refused(replica, None) == 401
    for query in ("?ticket=", "?ticket=x", f"?ticket={'x' * 500}", f"?token={token()}",
                  f"?access_token={token()}", f"?ticket={token()}"):  # fmt: skip
        assert await refused(replica, None, query=query) == 401
    assert await refused(replica, None, query="?ticket=x&ticket=y") == 400
    for protocols in (("cost.v1",), ("cost.v1", "bearer."), ("cost.v1", "bearer.x.y.z"),
                      ("cost.v1", f"bearer.{token()}", f"bearer.{token()}")):  # fmt: skip
        assert await refused(replica, None, protocols=protocols) == 401
    assert await refused(replica, None, protocols=(f"bearer.{token()}",)) == 400
    assert await refused(replica, "alice", protocols=("cost.v1", f"bearer.{token()}")) == 401
    assert await refused(replica, "alice", query="?ticket=x") == 401


async def test_forged_token_in_a_subprotocol_is_refused(
    replica: Replica, record_attack: AttackRecorder
) -> None:
    for name, bad in forged(SECRET, "HS256").items():
        if name in {"another issuer", "no issuer", "no audience", "another audience"}:
            continue  # without credentials
        if not set(bad) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."):
            continue
        protocols = ("cost.v1", f"bearer.{bad}")
        assert await refused(replica, None, protocols=protocols) == 401, name
        record_attack("token: forged, as a subprotocol of a socket", attempts=1, refused=1)


async def test_tokens_and_tickets_are_not_logged(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secrets = [token("alice"), "some-ticket-that-is-none"]
    await refused(replica, None, query=f"?ticket={secrets[1]}")
    await refused(replica, None, protocols=(f"bearer.{secrets[0]}",))
    await refused(replica, None, protocols=("other", f"bearer.{secrets[0]}"))
    async with replica.listening(None, protocols=("cost.v1", f"bearer.{secrets[0]}")) as client:
        await client.next()
    ours = [r.getMessage() for r in caplog.records if r.name != "aiohttp.client"]
    assert not [line for line in ours if any(secret in line for secret in secrets)]


@pytest.mark.parametrize(
    ("origin", "opens"),
    [(ORIGIN, True), (None, True), ("https://evil.example", False), ("null", False),
     ("https://app.example.evil.example", False), ("http://app.example", False), ("own", True)],
)  # fmt: skip
async def test_only_allowed_origins_open_sockets(
    replica: Replica, origin: str | None, opens: bool
) -> None:
    own = f"http://127.0.0.1:{replica.port}"
    headers = {} if origin is None else {"Origin": own if origin == "own" else origin}
    if not opens:
        assert await refused(replica, headers=headers) == 403
        return
    async with replica.listening(headers=headers) as client:
        await client.next()


async def test_socket_closes_when_its_token_expires(replica: Replica) -> None:
    began, now = time.monotonic(), int(time.time())
    async with replica.listening(exp=now + 2) as client:
        await client.next()
        assert await client.closed() == 4401
    assert time.monotonic() - began < 4
    bearer = token("alice", exp=int(time.time()) + 2)
    ticket = (await replica.ask("POST", TICKET, bearer=bearer)).data["ticket"]
    async with replica.listening(None, query=f"?ticket={ticket}") as client:
        assert await client.closed() == 4401


async def test_sockets_are_limited(system: LiveSystem) -> None:
    limits = RequestLimits(sockets=5, sockets_per_user=3)
    async with system.replica(ApiOptions(limits=limits)) as replica, AsyncExitStack() as stack:
        for user in ("alice", "alice", "alice"):
            await (await stack.enter_async_context(replica.listening(user))).next()
        assert await refused(replica, "alice") == 429
        for user in ("bob", "carol"):
            await (await stack.enter_async_context(replica.listening(user))).next()
        assert await refused(replica, "dave") == 503
        await stack.aclose()
        async with replica.listening("alice") as client:
            await client.next()


async def test_request_without_upgrade_answers_426(replica: Replica) -> None:
    response = await replica.get("/api/costs/live", "alice")
    assert (response.status, response.code) == (426, "upgrade_required")


async def test_stopping_server_closes_its_sockets(system: LiveSystem) -> None:
    async with AsyncExitStack() as stack, ClientSession() as session:
        replica = await stack.enter_async_context(system.replica())
        async with Replica(session, replica.port).listening() as client:
            await client.next()
            began = time.monotonic()
            stopping = asyncio.create_task(stack.aclose())
            assert await client.closed() == 1001
            await stopping
            assert time.monotonic() - began < 5


async def test_client_that_never_reads_is_disconnected_and_delays_no_other(
    system: LiveSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent 150 calls at a time, far more than the kernel's buffers hold."""
    monkeypatch.setattr("api.live.session.STUCK_SECONDS", 3)
    async with system.replica() as replica:
        stuck = socket.create_connection(("127.0.0.1", replica.port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(_upgrade(replica, token("root", role="admin")))
        hung_up = select.poll()
        hung_up.register(stuck, 0)
        async with replica.listening() as client:
            await client.next()
            before = psutil.Process().memory_info().rss
            waits: list[float] = []
            while not hung_up.poll(0) and sum(waits) < 30:
                began = time.monotonic()
                await system.record(*(cost(f"c{call}", time=ago(seconds=1)) for call in range(150)))
                for call in range(150):
                    await client.until(f"c{call}", version=len(waits) + 1)
                waits.append(time.monotonic() - began)
            assert hung_up.poll(0), "it was never cut off"
            assert max(waits) < 3
            assert psutil.Process().memory_info().rss - before < 50 * 2**20
        stuck.close()


def _upgrade(replica: Replica, bearer: str) -> bytes:
    """Return the request for a socket."""
    return (
        f"GET /api/costs/live HTTP/1.1\r\nHost: {URL(f'http://127.0.0.1:{replica.port}').host}\r\n"
        f"Authorization: Bearer {bearer}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
