"""One client holds as many slots as it can: others still get connections, sockets and exports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from ipaddress import ip_network
from time import monotonic
from typing import NamedTuple

import pytest
from aiohttp import WSServerHandshakeError

from api.http.options import ApiOptions, RequestLimits
from devkit.embedded.tansu import EmbeddedTansu
from ledger.postgres.viewers import slow_reader_pool
from tests.support.api import ApiClient, served, token
from tests.support.attacks import OTHER_ADDRESS, AttackRecorder, client_at, other_client
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.live import LiveSystem, Replica, live_system
from tests.support.parts import figures

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
SPAN = "startDate=2025-11-01&endDate=2025-11-30"
LINES = 60_000
USERS = ("mallory-1", "mallory-2", "mallory-3")


async def was_answered(reader: asyncio.StreamReader) -> bool:
    """Return whether a refusal arrived, by its first byte."""
    try:
        async with asyncio.timeout(0.02):
            return bool(await reader.read(1))
    except TimeoutError:
        return False


async def test_one_address_cannot_take_all_connections(record_attack: AttackRecorder) -> None:
    limits = RequestLimits(connections=40, connections_per_address=30)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(served(options=ApiOptions(limits=limits)))
        opened = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(40)]
        await asyncio.sleep(0.2)
        refused = [reader for reader, _ in opened if await was_answered(reader)]
        sessions = [await stack.enter_async_context(client_at(OTHER_ADDRESS)) for _ in range(10)]
        responses = [await other_client(session, api).ask("GET", "/health") for session in sessions]
        for reader in refused:
            response = await reader.read()
            assert response.startswith(b"TTP/1.1 429 Too Many Requests\r\n")
            assert b"Retry-After: " in response
            assert b"An address may have 30 open connections." in response
        for _, writer in opened:
            writer.close()
    record_attack(
        "connections of one address",
        attempts=len(opened),
        refused=len(refused),
        victims=len(responses),
        breaches=sum(response.status != 200 for response in responses),
    )


async def test_closed_connection_frees_its_slot() -> None:
    close = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with served(options=ApiOptions(limits=RequestLimits(connections_per_address=1))) as api:
        for _ in range(3):
            assert (await api.raw(close)).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.05)


async def test_trusted_proxy_may_use_all_connections() -> None:
    limits = RequestLimits(connections_per_address=1, trusted_proxies=(ip_network("127.0.0.1/32"),))
    async with served(options=ApiOptions(limits=limits)) as api, AsyncExitStack() as stack:
        for _ in range(3):
            session = await stack.enter_async_context(client_at("127.0.0.1"))
            assert (await other_client(session, api).ask("GET", "/health")).status == 200


@pytest.fixture
async def system(tansu: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(tansu.bootstrap, database_url) as system:
        yield system


async def test_one_address_cannot_take_all_sockets(
    system: LiveSystem, record_attack: AttackRecorder
) -> None:
    limits = RequestLimits(sockets=8, sockets_per_user=3, sockets_per_address=6)
    refused = 0
    async with system.replica(ApiOptions(limits=limits)) as replica, AsyncExitStack() as stack:
        for number in range(9):
            try:
                client = await stack.enter_async_context(replica.listening(f"mallory-{number % 3}"))
                await client.next()
            except WSServerHandshakeError as error:
                assert error.status == 429
                refused += 1
        session = await stack.enter_async_context(client_at(OTHER_ADDRESS))
        other = Replica(session, replica.port)
        harmed = 0
        for user in ("alice", "bob"):
            try:
                await (await stack.enter_async_context(other.listening(user))).next()
            except WSServerHandshakeError:
                harmed += 1
    record_attack("sockets of one address", attempts=9, refused=refused, victims=2, breaches=harmed)


@pytest.fixture
async def exporting(database_url: str) -> AsyncIterator[ApiClient]:
    """The application over a database in which some users have large exports."""
    async with rows(database_url) as ledger:
        for user in USERS:
            call = LiveCallRow(call_id=f"call-of-{user}", user_id=user, at=NOW)
            await ledger.call(call)
            await ledger.event(call, service="twilio", cost_nano=1)
            await ledger.connection.execute(
                """
                INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id,
                                              call_id, service, cost_nano, data)
                SELECT gen_random_uuid(), 'tests', number::text, 'cost.recorded', $1, $2, $3,
                       'twilio', 1, $4
                FROM generate_series(2, $5) AS number
                """,
                NOW,
                user,
                call.call_id,
                "x" * 500,
                LINES,
            )
    limits = RequestLimits(send_seconds=2, export_bytes_per_second=1_000_000)
    async with (
        slow_reader_pool(database_url) as readers,
        served(readers, ApiOptions(limits=limits), today=NOW.date()) as api,
    ):
        yield api


class HeldExport(NamedTuple):
    """An export of which only the status line was read."""

    status: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def hold_export(api: ApiClient, user: str) -> HeldExport:
    """Request an export and read its status line only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    path = f"/api/costs/user/{user}/export.csv?type=events&{SPAN}"
    bearer = token(user)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
    )
    return HeldExport(int((await reader.readline()).split()[1]), reader, writer)


async def read_slowly(reader: asyncio.StreamReader) -> None:
    """Read 256 KiB a second to the end."""
    while await reader.read(65_536):
        await asyncio.sleep(0.25)


async def test_one_address_cannot_hold_all_exports(
    exporting: ApiClient, record_attack: AttackRecorder
) -> None:
    held = [await hold_export(exporting, user) for user in USERS]
    async with client_at(OTHER_ADDRESS) as session:
        path = f"/api/costs/user/alice/export.csv?type=calls&{SPAN}"
        response = await other_client(session, exporting).get(path, "alice")
    for export in held:
        export.writer.close()
    record_attack(
        "exports of one address",
        attempts=len(held),
        refused=sum(export.status == 429 for export in held),
        victims=1,
        breaches=int(response.status != 200),
    )


async def test_slow_export_reader_is_disconnected_visibly(exporting: ApiClient) -> None:
    """The client reads all the time, so only the average rate is too low."""
    began = monotonic()
    held = await hold_export(exporting, USERS[0])
    assert held.status == 200
    with pytest.raises(ConnectionResetError):
        await read_slowly(held.reader)
    held.writer.close()
    figures.append(f"slow export: disconnected after {monotonic() - began:.0f} s")
    path = f"/api/costs/user/{USERS[0]}/export.csv?type=events&{SPAN}"
    response = await exporting.get(path, USERS[0])
    assert response.body.count(b"\r\n") == LINES + 1
    metrics = (await exporting.get("/metrics")).body.decode()
    assert 'cost_analytics_limit_refusals_total{limit="export_pace"} 1.0' in metrics
