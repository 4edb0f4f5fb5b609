"""Long exports: at the client's rate, within limits, and never truncated silently."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from aiohttp import ClientOSError, ClientPayloadError, ClientSession

from api.http.options import ApiOptions, RequestLimits
from ledger.postgres.viewers import ReaderPool, reader_pool, slow_reader_pool
from tests.support.api import ApiClient, served, token
from tests.support.ledger_rows import LedgerRowWriter, LiveCallRow, rows
from tests.support.links import Link, linked
from tests.support.logins import as_login
from tests.support.recording import fetch

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/costs/user/alice/export.csv"
SPAN = "startDate=2025-11-01&endDate=2025-11-30"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


async def exported(api: ApiClient, query: str) -> list[dict[str, str]]:
    response = await api.get(f"{PATH}?{query}", "alice")
    assert response.status == 200, response.body
    return list(csv.DictReader(io.StringIO(response.body.decode(), newline=""), strict=True))


LINES = 40_000
WIDE = "x" * 500


@pytest.fixture
async def much(ledger: LedgerRowWriter) -> int:
    """Write more events than fit into all buffers between the database and a client."""
    call = LiveCallRow(call_id="long", user_id="alice", at=NOW)
    await ledger.call(call)
    await ledger.event(call, service="twilio", cost_nano=1)
    await ledger.connection.execute(
        """
        INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id,
                                      service, cost_nano, data)
        SELECT gen_random_uuid(), 'tests', number::text, 'cost.recorded', $1, 'alice', 'long',
               'twilio', 1, $2
        FROM generate_series(2, $3) AS number
        """,
        NOW,
        WIDE,
        LINES,
    )
    return LINES


@asynccontextmanager
async def exporting_api(
    database_url: str, readers: ReaderPool | None = None, **limits: Any
) -> AsyncIterator[ApiClient]:
    options = ApiOptions(limits=RequestLimits(**limits))
    if readers is not None:
        async with served(readers, options, today=NOW.date()) as api:
            yield api
        return
    async with (
        slow_reader_pool(as_login(database_url, "api")) as patient,
        served(patient, options, today=NOW.date()) as api,
    ):
        yield api


async def test_long_file_is_complete(database_url: str, much: int) -> None:
    async with exporting_api(database_url) as api:
        lines = await exported(api, f"type=events&{SPAN}")
        assert len({line["id"] for line in lines}) == len(lines) == much


async def open_transactions(database_url: str) -> int:
    [(count,)] = await fetch(
        database_url,
        """SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cost-analytics api'
           AND datname = current_database() AND state <> 'idle'""",
    )
    return int(count)


async def ask_and_read_nothing(api: ApiClient, version: str = "1.1") -> tuple[
    asyncio.StreamReader, asyncio.StreamWriter
]:  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    head = f"GET {PATH}?type=events&{SPAN} HTTP/{version}\r\nHost: x\r\n"
    writer.write(f"{head}Authorization: Bearer {token('alice')}\r\n\r\n".encode())
    assert b" 200 " in await reader.readline()
    return reader, writer


async def read_to_the_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


async def until_none_is_open(database_url: str, seconds: int = 10) -> None:
    async with asyncio.timeout(seconds):
        while await open_transactions(database_url):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_client_that_does_not_read_holds_no_transaction(
    database_url: str, much: int, version: str
) -> None:
    async with exporting_api(database_url, send_seconds=1) as api:
        reader, writer = await ask_and_read_nothing(api, version)
        assert await open_transactions(database_url) == 1
        began = monotonic()
        await until_none_is_open(database_url)
        assert monotonic() - began > 0.5
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(reader)
        writer.close()
        assert len(await exported(api, f"type=events&{SPAN}")) == much


async def test_disconnected_client_holds_no_transaction(database_url: str, much: int) -> None:
    async with exporting_api(database_url) as api:
        _, writer = await ask_and_read_nothing(api)
        writer.transport.abort()
        await until_none_is_open(database_url)
        assert len(await exported(api, f"type=events&{SPAN}")) == much


async def test_slow_file_is_aborted(database_url: str, much: int) -> None:
    async with exporting_api(database_url, export_seconds=1) as api:
        reader, writer = await ask_and_read_nothing(api)
        await until_none_is_open(database_url)
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(reader)
        writer.close()


@asynccontextmanager
async def exporting_over_a_link(database_url: str) -> AsyncIterator[tuple[Link, ApiClient]]:
    async with (
        linked(database_url) as (link, url),
        reader_pool(as_login(url, "api")) as readers,
        exporting_api(url, readers) as api,
    ):
        yield link, api


async def test_database_outage_aborts_the_file(database_url: str, much: int) -> None:
    async with exporting_over_a_link(database_url) as (link, api):
        reader, writer = await ask_and_read_nothing(api)
        link.cut()
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(reader)
        writer.close()
        response = await api.get(f"{PATH}?type=events&{SPAN}", "alice")
        assert (response.status, response.code) == (503, "unavailable")


async def test_client_library_detects_an_incomplete_file(database_url: str, much: int) -> None:
    async with exporting_over_a_link(database_url) as (link, api), ClientSession() as session:
        url = f"http://127.0.0.1:{api.port}{PATH}?type=events&{SPAN}"
        headers = {"Authorization": f"Bearer {token('alice')}"}
        async with session.get(url, headers=headers) as response:
            assert response.status == 200
            await response.content.readany()
            link.cut()
            with pytest.raises((ClientPayloadError, ClientOSError)):
                await response.read()


async def test_open_exports_are_counted(database_url: str, much: int) -> None:
    async with exporting_api(database_url, exports=2) as api:
        reader, writer = await ask_and_read_nothing(api)
        second = await api.get(f"{PATH}?type=calls", "alice")
        assert (second.status, second.code) == (429, "rate_limited")
        assert int(second.headers["Retry-After"]) > 0
        assert (await api.get("/api/costs/user/bob/export.csv?type=calls", "bob")).status == 200
        while not (await reader.read(65536)).endswith(b"0\r\n\r\n"):
            pass
        writer.close()
        assert (await api.get(f"{PATH}?type=calls", "alice")).status == 200
