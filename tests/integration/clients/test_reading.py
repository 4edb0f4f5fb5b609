"""The reader of the Python client, against the product."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from cost_analytics_emitter.json_parsing import parse_json
from cost_analytics_emitter.reading import (
    ApiError,
    CostReader,
    LiveChange,
    LiveSnapshot,
    Spending,
)
from cost_analytics_emitter.reading.decoding import decode
from cost_analytics_emitter.reading.feed import LiveMessage
from cost_analytics_emitter.reading.reader import CostFilters
from devkit.embedded.tansu import EmbeddedTansu
from tests.support import parts
from tests.support.api import ApiClient, served_from, token
from tests.support.events import cost, ended, started
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.links import Link, opened_link
from tests.support.live import LiveSystem, ago, live_system

CALLS = 7
_UPPER = re.compile(r"(?<=[a-z0-9])[A-Z]")
CUTS = 5
STEP_SECONDS = 20
TWILIO_NANO = 9_007_199_254_740_993
"""An amount that a double would round."""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    """Calls of alice and one of bob."""
    now = datetime.now(UTC)
    async with rows(database_url) as ledger:
        for number in range(CALLS):
            at = now - timedelta(seconds=number)
            costs = {"twilio": TWILIO_NANO, "stripe": 475_000_000}
            tags = {"campaign": "spring" if number < 3 else "autumn"}
            await ledger.call(
                LiveCallRow(
                    call_id=f"call/{number}", user_id="alice", at=at, costs=costs, tags=tags
                )
            )
        await ledger.call(LiveCallRow(call_id="call-of-bob", user_id="bob", at=now))
    async with served_from(database_url) as api:
        yield api


@pytest.fixture
async def reader(api: ApiClient) -> AsyncIterator[CostReader]:
    async with CostReader(f"http://127.0.0.1:{api.port}/", token("alice")) as reader:
        yield reader


def assert_same(result: Any, body: Any) -> None:
    """Compare a result with the decoded JSON of a response, field by field."""
    if is_dataclass(result):
        named = {_UPPER.sub(r"_\g<0>", name).lower(): value for name, value in body.items()}
        assert named.keys() <= {field.name for field in fields(result)}
        for field in fields(result):
            assert_same(getattr(result, field.name), named.get(field.name))
    elif isinstance(result, list):
        for each, value in zip(result, body, strict=True):
            assert_same(each, value)
    elif isinstance(result, dict):
        assert result.keys() == body.keys()
        for name, value in body.items():
            assert_same(result[name], value)
    elif isinstance(result, datetime):
        assert result == datetime.fromisoformat(body)
    elif isinstance(result, date):
        assert result.isoformat() == body
    else:
        assert not isinstance(result, float)
        assert result == body


async def test_results_are_the_bodies_of_the_api(api: ApiClient, reader: CostReader) -> None:
    reads: dict[str, Callable[[], Awaitable[Any]]] = {
        "/api/costs/call/call%2F1": lambda: reader.call("call/1"),
        "/api/costs/user/alice/spending?period=7d&compare=true": lambda: reader.spending(
            "alice", period="7d", compare=True
        ),
        "/api/costs/user/alice/spending?groupBy=tag:campaign&tag=campaign:spring": lambda: (
            reader.spending(
                "alice", group_by="tag:campaign", filters=CostFilters(tags=["campaign:spring"])
            )
        ),
        "/api/costs/user/alice/budget": lambda: reader.budget("alice"),
        "/api/costs/user/alice/forecast?period=daily": lambda: reader.forecast("alice", "daily"),
        "/api/costs/user/alice/recommendations": lambda: reader.recommendations("alice"),
    }
    for path, read in reads.items():
        assert_same(await read(), (await api.get(path, "alice")).data)


async def test_amounts_are_exact(reader: CostReader) -> None:
    twilio = Decimal(TWILIO_NANO).scaleb(-9)
    spending = await reader.spending("alice")
    assert spending.cost_by_service["twilio"] == twilio * CALLS
    assert type(spending.total_charged) is Decimal
    assert type(spending.total_calls) is int
    assert spending.period.start.tzinfo is not None
    filtered = await reader.spending("alice", filters=CostFilters(tags=["campaign:spring"]))
    assert filtered.cost_by_service["twilio"] == twilio * 3
    today = datetime.now(UTC).date()
    past = await reader.spending("alice", start=today - timedelta(9), end=today - timedelta(8))
    assert (past.total_calls, past.total_cost) == (0, Decimal(0))


async def test_lists_are_read_page_by_page(reader: CostReader) -> None:
    calls = [call async for call in reader.calls("alice", page_size=3)]
    assert [call.call_id for call in calls] == [f"call/{number}" for number in range(CALLS)]
    oldest = [call.call_id async for call in reader.calls("alice", sort="createdAt", page_size=2)]
    assert oldest == [call.call_id for call in reversed(calls)]
    assert [call.call_id async for call in reader.calls("alice", id_part="l/3")] == ["call/3"]
    assert not [call async for call in reader.calls("alice", status="failed")]
    assert not [alert async for alert in reader.alerts("alice", unread_only=True)]
    assert not [anomaly async for anomaly in reader.anomalies("alice", dismissed="any")]
    assert not [event async for event in reader.events("call/3")]


async def test_refusals_have_the_code_of_the_api(api: ApiClient, reader: CostReader) -> None:
    with pytest.raises(ApiError, match=r"^forbidden: ") as refused:
        await reader.call("call-of-bob")
    assert refused.value.status == 403
    with pytest.raises(ApiError, match=r"^invalid_parameter: .*groupBy"):
        await reader.spending("alice", group_by="nothing")
    async with CostReader(f"http://127.0.0.1:{api.port}", lambda: "wrong") as stranger:
        with pytest.raises(ApiError, match=r"^unauthorized: "):
            await stranger.budget("alice")
        with pytest.raises(ApiError, match=r"^unauthorized: "):
            await anext(aiter(stranger.feed()))
    with pytest.raises(ValueError, match="must be an address"):
        CostReader("costs.example.com", "token")


async def answering(*answers: Callable[[], web.Response]) -> tuple[web.AppRunner, str, list[str]]:
    """Serve these answers, in turn; returns the address and the paths of requests."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return answers[min(len(asked), len(answers)) - 1]()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    return runner, f"http://127.0.0.1:{port}", asked


def failure(status: int, code: str, **headers: str) -> Callable[[], web.Response]:
    body = {"success": False, "error": "Not now.", "code": code}
    return lambda: web.json_response(body, status=status, headers=headers)


async def test_reads_are_repeated_until_the_server_is_back() -> None:
    recommendations = {"userId": "alice", "period": {}, "recommendations": []}
    runner, url, asked = await answering(
        failure(503, "unavailable"),
        failure(429, "rate_limited", **{"Retry-After": "1"}),
        lambda: web.Response(status=502, text="<html>"),
        lambda: web.json_response({"success": True, "data": {"x": recommendations}}),
    )
    try:
        async with CostReader(url, "token") as reader:
            began = asyncio.get_running_loop().time()
            with pytest.raises(ApiError, match=r"^invalid_answer: .*user_id` is missing"):
                await reader.budget("alice")
            assert asyncio.get_running_loop().time() - began > 1
        assert len(asked) == 4
        async with CostReader(url, "token", retry_seconds=0) as reader:
            asked.clear()
            with pytest.raises(ApiError, match="unavailable: Not now") as refused:
                await reader.budget("alice")
        assert (refused.value.is_retryable, len(asked)) == (True, 1)
    finally:
        await runner.cleanup()
    async with CostReader(url, "token", retry_seconds=0.5) as reader:
        with pytest.raises(ApiError, match=r"^unreachable: "):
            await reader.budget("alice")


def test_wrong_fields_are_named_and_new_ones_ignored() -> None:
    body = parse_json(b'{"userId": "a", "new": 1, "calls": [{"callId": 7}], "nextCursor": null}')
    with pytest.raises(ValueError, match=r"`\$.period` is missing"):
        decode(Spending, body)
    for text in ('"x"', "[]", "null"):
        with pytest.raises(ValueError, match="not of type dict"):
            decode(Spending, parse_json(text))


@pytest.fixture
async def system(tansu: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(tansu.bootstrap, database_url) as system:
        yield system


class Follower:
    """The newest state of each call, from the feed."""

    def __init__(self, feed: AsyncIterator[LiveMessage]) -> None:
        self._feed = feed
        self.calls: dict[str, Any] = {}
        self.received: Counter[str] = Counter()
        self.fallen = 0

    async def next(self) -> LiveMessage:
        async with asyncio.timeout(STEP_SECONDS):
            message = await anext(self._feed)
        self.received[type(message).__name__] += 1
        changed = message.calls if isinstance(message, LiveSnapshot) else []
        for call in [message.call] if isinstance(message, LiveChange) else changed:
            before = self.calls.get(call.call_id, call)
            self.fallen += call.version < before.version
            self.calls[call.call_id] = call
        return message

    async def until_snapshots(self, number: int) -> None:
        while self.received["LiveSnapshot"] < number:
            await self.next()


async def test_feed_survives_lost_connections(system: LiveSystem) -> None:
    user, events = "reader", 0
    async with system.replica() as replica:
        link = Link("127.0.0.1", replica.port)
        async with (
            opened_link(link) as port,
            CostReader(f"http://127.0.0.1:{port}", token(user)) as reader,
        ):
            follower = Follower(aiter(reader.feed()))
            await follower.until_snapshots(1)
            for cut in range(CUTS):
                await system.record(started(f"call-{cut}", user, time=ago(seconds=60)))
                await system.record(cost(f"call-{cut}", user, time=ago(seconds=30)))
                link.cut()
                await system.record(cost(f"call-{cut}", user, time=ago(seconds=1)))
                events += 3
                link.refuses = False
                await follower.until_snapshots(cut + 2)
            await system.record(ended("call-0", user, time=ago(seconds=0)))
            events += 1
            while follower.calls["call-0"].status != "completed":
                await follower.next()
            difference = Decimal(0)
            for call_id, call in follower.calls.items():
                difference += abs(call.total_cost - (await reader.call(call_id)).total_cost)
    assert follower.fallen == 0
    parts.figures.append(
        f"live feed of the Python reader: {CUTS} cuts, {events} events recorded,"
        f" {len(follower.calls)} calls shown, difference {difference} dollars"
    )
    assert (len(follower.calls), difference) == (CUTS, Decimal(0))
