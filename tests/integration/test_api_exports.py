"""Files of a user's data: whole and exact, at the client's pace, and never cut off unnoticed."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from time import monotonic

import asyncpg
import pytest
from aiohttp import ClientOSError, ClientPayloadError, ClientSession

from api.options import ApiOptions, Limits
from ledger.store.reading import ReaderPool, patient_reader_pool, reader_pool
from tests.integration.test_api_outages import Link, linked
from tests.support.api import Api, served, served_from, token
from tests.support.ledger_rows import CENT, CallRow, Rows, rows
from tests.support.recording import Desk, Log, fetch
from tests.support.seeded import seeded

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/costs/user/alice/export.csv"
SPAN = "startDate=2025-11-01&endDate=2025-11-30"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Rows]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


def read(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True))


async def exported(api: Api, query: str, user: str = "alice") -> list[dict[str, str]]:
    answer = await api.get(f"/api/costs/user/{user}/export.csv?{query}", user)
    assert answer.status == 200, answer.body
    return read(answer.body)


def nano(cells: list[str]) -> int:
    return int(sum((Decimal(cell) for cell in cells), Decimal(0)).scaleb(9))


async def test_a_file_says_what_it_is(api: Api) -> None:
    answer = await api.get(f"{PATH}?type=daily&{SPAN}", "alice")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="cost-analytics-daily-alice-2025-11-01-2025-11-30.csv"'
    )
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body.count(b"\r\n") == 1
    awkward = "%22..%2F%0D%0A%C3%A4%20x%22"
    name = (await api.ask("GET", f"/api/costs/user/{awkward}/export.csv?type=calls",
                          bearer=token("root", role="admin"))).headers["Content-Disposition"]  # fmt: skip
    assert name == 'attachment; filename="cost-analytics-calls-_.._x_-2025-10-20-2025-11-19.csv"'
    head = await api.ask("HEAD", f"{PATH}?type=events", bearer=token("alice"))
    assert (head.status, head.body) == (200, b"")
    assert "cost-analytics-events-alice" in head.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "type"),
        ("type=everything", "type"),
        ("type=calls&startDate=2025-11-01", "endDate"),
        ("type=calls&startDate=2025-11-02&endDate=2025-11-01", "endDate"),
        ("type=calls&startDate=2024-01-01&endDate=2025-11-01", "endDate"),
        ("type=calls&period=7d&startDate=2025-11-01", "startDate"),
    ],
)
async def test_what_makes_no_sense_is_named(api: Api, query: str, named: str) -> None:
    answer = await api.get(f"{PATH}?{query}", "alice")
    assert answer.code == "invalid_parameter"
    assert f"`{named}`" in answer.json["error"]


async def test_only_the_days_asked_for_and_only_ones_own(api: Api, ledger: Rows) -> None:
    for number, (user, days_ago) in enumerate(
        [("alice", 0), ("alice", 19), ("alice", 18), ("alice", -12), ("bob", 1)]
    ):
        call = CallRow(call_id=f"c{number}", user_id=user, at=NOW - timedelta(days=days_ago))
        await ledger.call(call)
        await ledger.event(call, service="twilio", cost_nano=1)
    assert [row["callId"] for row in await exported(api, f"type=calls&{SPAN}")] == ["c0", "c2"]
    assert [row["callId"] for row in await exported(api, f"type=events&{SPAN}")] == ["c0", "c2"]
    days = [row["date"] for row in await exported(api, f"type=daily&{SPAN}")]
    assert days == ["2025-11-01", "2025-11-19"]
    assert (await exported(api, "type=daily&startDate=9999-12-30&endDate=9999-12-31")) == []
    assert (await api.get(f"{PATH}?type=calls", "bob")).code == "forbidden"


async def test_a_file_of_a_recorded_stream_equals_the_ledger(database_url: str, api: Api) -> None:
    """Late and repeated events, voids, refunds: every sum of every file is that of the ledger."""
    log, stream = Log(), seeded(2_000)
    async with Desk(database_url) as desk:
        await desk.record(log.batch(one.value for one in stream.sent if one.value))
    today = datetime.now(UTC).date()
    span = f"startDate={today - timedelta(days=3)}&endDate={today}"
    users = [row[0] for row in await fetch(database_url, "SELECT DISTINCT user_id FROM user_days")]
    assert len(users) > 10
    lines = {
        kind: [row for user in users for row in await exported(api, f"type={kind}&{span}", user)]
        for kind in ("events", "calls", "daily")
    }
    totals = """
        SELECT (SELECT sum(cost_nano)::bigint FROM user_day_costs) AS cost,
               (SELECT sum(charged_nano)::bigint FROM user_days) AS charged,
               (SELECT sum(refunded_nano)::bigint FROM user_days) AS refunded
    """
    [ledger] = await fetch(database_url, totals)
    for kind in ("calls", "daily"):
        assert nano([row["totalCost_usd"] for row in lines[kind]]) == ledger["cost"]
        assert nano([row["chargedToUser_usd"] for row in lines[kind]]) == ledger["charged"]
        assert nano([row["refunded_usd"] for row in lines[kind]]) == ledger["refunded"]
    counted = [row for row in lines["events"] if row["voided"] == "false"]
    assert nano([row["cost_usd"] for row in counted]) == ledger["cost"]
    paid = [r["amount_usd"] for r in counted if r["type"] in {"call.charged", "call.settled"}]
    assert nano(paid) == ledger["charged"]
    [(entries,)] = await fetch(
        database_url, "SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled'"
    )
    own = [row for row in lines["events"] if row["type"] != "call.settled"]
    assert len({(row["source"], row["id"]) for row in own}) == len(own) == entries
    [(calls,)] = await fetch(database_url, "SELECT count(*) FROM calls WHERE user_id IS NOT NULL")
    assert sum(int(row["calls"]) for row in lines["daily"]) == len(lines["calls"]) == calls
    by_service = await fetch(
        database_url, "SELECT service, sum(cost_nano)::bigint FROM user_day_costs GROUP BY 1"
    )
    for service, cost in by_service:
        of_service = [row["cost_usd"] for row in counted if row["service"] == service]
        assert nano(of_service) == cost, service


LINES = 40_000
WIDE = "x" * 500


@pytest.fixture
async def much(ledger: Rows) -> int:
    """Write more events than fit into all buffers between the database and a client."""
    call = CallRow(call_id="long", user_id="alice", at=NOW)
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
    database_url: str, readers: ReaderPool | None = None, **limits: int
) -> AsyncIterator[Api]:
    options = ApiOptions(limits=Limits(**limits))
    if readers is not None:
        async with served(readers, options, today=NOW.date()) as api:
            yield api
        return
    async with (
        patient_reader_pool(database_url) as patient,
        served(patient, options, today=NOW.date()) as api,
    ):
        yield api


async def test_a_long_file_arrives_whole(database_url: str, much: int) -> None:
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


async def ask_and_read_nothing(api: Api, version: str = "1.1") -> tuple[
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
async def test_a_client_that_does_not_read_holds_no_transaction(
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


async def test_a_client_that_hangs_up_holds_no_transaction(database_url: str, much: int) -> None:
    async with exporting_api(database_url) as api:
        _, writer = await ask_and_read_nothing(api)
        writer.transport.abort()
        await until_none_is_open(database_url)
        assert len(await exported(api, f"type=events&{SPAN}")) == much


async def test_a_file_that_takes_too_long_is_broken_off(database_url: str, much: int) -> None:
    async with exporting_api(database_url, export_seconds=1) as api:
        reader, writer = await ask_and_read_nothing(api)
        await until_none_is_open(database_url)
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(reader)
        writer.close()


@asynccontextmanager
async def exporting_over_a_link(database_url: str) -> AsyncIterator[tuple[Link, Api]]:
    async with (
        linked(database_url) as (link, url),
        reader_pool(url) as readers,
        exporting_api(url, readers) as api,
    ):
        yield link, api


async def test_a_database_that_goes_away_breaks_the_file_off(database_url: str, much: int) -> None:
    async with exporting_over_a_link(database_url) as (link, api):
        reader, writer = await ask_and_read_nothing(api)
        link.cut()
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(reader)
        writer.close()
        answer = await api.get(f"{PATH}?type=events&{SPAN}", "alice")
        assert (answer.status, answer.code) == (503, "unavailable")


async def test_a_clients_library_notices_that_a_file_is_not_whole(
    database_url: str, much: int
) -> None:
    async with exporting_over_a_link(database_url) as (link, api), ClientSession() as session:
        url = f"http://127.0.0.1:{api.port}{PATH}?type=events&{SPAN}"
        headers = {"Authorization": f"Bearer {token('alice')}"}
        async with session.get(url, headers=headers) as response:
            assert response.status == 200
            await response.content.readany()
            link.cut()
            with pytest.raises((ClientPayloadError, ClientOSError)):
                await response.read()


async def test_files_on_their_way_are_counted(database_url: str, much: int) -> None:
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


async def test_the_longest_span_is_that_of_spending(api: Api) -> None:
    first = date(2025, 11, 19) - timedelta(days=399)
    query = f"type=calls&startDate={first}&endDate=2025-11-19"
    assert (await api.get(f"{PATH}?{query}", "alice")).status == 200


async def test_amounts_that_are_numbers_stay_numbers(api: Api, ledger: Rows) -> None:
    await ledger.call(
        CallRow(call_id="=1+1", user_id="alice", at=NOW, costs={"twilio": 3 * CENT}, charged=CENT)
    )
    [line] = await exported(api, f"type=calls&{SPAN}")
    assert (line["callId"], line["grossProfit_usd"]) == ("'=1+1", "-0.02")


async def test_the_policies_hold_for_exports(database_url: str, ledger: Rows) -> None:
    from ledger.store.sql import statements

    call = CallRow(call_id="bobs", user_id="bob", at=NOW)
    await ledger.call(call)
    await ledger.event(call, service="twilio", cost_nano=1)
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    connection = await asyncpg.connect(database_url)
    for statement in statements("export").values():
        assert await connection.fetch(statement, "bob", "alice", False, *span) == []
        assert len(await connection.fetch(statement, "bob", "bob", False, *span)) == 1
        assert len(await connection.fetch(statement, "bob", "root", True, *span)) == 1
    await connection.close()
