"""`GET /metrics`: requests are measured, and no client can make the metrics grow or cost much."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from api.http.options import ApiOptions
from api.metrics.definitions import DURATION
from api.metrics.requests import RequestMeter
from api.metrics.routes import MetricsRoutes
from ledger.postgres.database import Connection
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiClient, served, token
from tests.support.house import ROOT
from tests.support.metrics import scrape
from tests.support.observability import DEFINITIONS

DATABASE = {"cost_analytics_schema_version", "cost_analytics_workers", "cost_analytics_held_events",
            "cost_analytics_dead_letters_total", "cost_analytics_stream_records_total"}  # fmt: skip


class UnreachablePool(Pool):
    """A pool whose server is unreachable; counts the attempts."""

    busy, idle = 2, 1

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(self._fail, 10)
        self.requests = 0
        self._error = error or OSError("away")

    async def _fail(self) -> Connection:
        self.requests += 1
        await asyncio.sleep(0.01)
        raise self._error


@asynccontextmanager
async def serving_without_database(pool: UnreachablePool | None = None) -> AsyncIterator[ApiClient]:
    """Serve an application that reuses no answer of `/metrics`."""
    readers = ReaderPool(pool or UnreachablePool())
    async with served(readers, ApiOptions(metrics_cache_seconds=0)) as api:
        yield api


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with serving_without_database() as api:
        yield api


async def test_without_a_database_process_metrics_remain(api: ApiClient) -> None:
    seen = await scrape(api)
    assert seen["cost_analytics_database_up"] == 0
    assert not seen.names & DATABASE
    assert seen["process_resident_memory_bytes"] > 1_000_000
    assert seen["process_cpu_seconds_total"] > 0
    assert seen["process_open_fds"] > 0
    assert seen.of("python_gc_collections_total")
    connections = {
        dict(k)["state"]: v for k, v in seen.of("cost_analytics_database_connections").items()
    }
    assert connections == {"busy": 2, "idle": 1}
    assert seen.labelled("cost_analytics_database_connections_limit", pool="requests") == 10
    assert seen["cost_analytics_live_sockets"] == 0
    assert seen["cost_analytics_live_sockets_limit"] == 3_000


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError("away"), TimeoutError()])
async def test_any_database_error_still_gives_an_answer(error: Exception) -> None:
    async with serving_without_database(UnreachablePool(error)) as api:
        assert (await scrape(api))["cost_analytics_database_up"] == 0


async def test_requests_are_counted_by_template_and_status(api: ApiClient) -> None:
    for path in ("alice/spending", "bob/spending", "alice/nothing"):
        await api.get(f"/api/costs/user/{path}")
    await api.ask("HEAD", "/health")
    await api.ask("DELETE", "/health")
    await api.get("/api/costs/user/alice/spending", "alice")
    seen = await scrape(api)
    name, spending = "cost_analytics_http_requests_total", "/api/costs/user/{userId}/spending"
    assert seen.of(name) == {
        (("method", "GET"), ("route", spending), ("status", "401")): 2,
        (("method", "GET"), ("route", spending), ("status", "503")): 1,
        (("method", "GET"), ("route", "other"), ("status", "404")): 1,
        (("method", "HEAD"), ("route", "/health"), ("status", "200")): 1,
        (("method", "DELETE"), ("route", "other"), ("status", "405")): 1,
    }
    assert seen.labelled(f"{DURATION.name}_count", route=spending) == 3
    assert seen.labelled(f"{DURATION.name}_bucket", route=spending, le="+Inf") == 3
    assert 0 < seen.labelled(f"{DURATION.name}_sum", route=spending) < 10
    again = await scrape(api)
    assert again.labelled(name, method="GET", route="/metrics", status="200") == 1


async def test_unknown_paths_do_not_add_series(api: ApiClient) -> None:
    await api.get("/nothing")
    await scrape(api)
    before = await scrape(api)
    for number in range(1_000):
        await api.get(f"/{uuid4().hex}/{number}")
    for path in ("/api/costs/user/somebody-odd/spending", "/api/costs/call/call-of-somebody"):
        for _ in range(2):
            await api.get(path, "somebody-odd")
    for method in ("PROPFIND", "MKCOL", "LOCK"):
        await api.raw(f"{method} /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await api.raw(b"GET /y HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n")
    after = await scrape(api)
    name = "cost_analytics_http_requests_total"
    assert after.labelled(name, method="GET", route="other", status="404") == 1_001
    assert after.labelled(name, method="other", route="other", status="404") == 3
    new = {dict(labels)["route"] for labels in after.of(name).keys() - before.of(name).keys()}
    assert new == {"other", "/api/costs/user/{userId}/spending", "/api/costs/call/{callId}"}
    assert "somebody" not in after.text
    assert len(after.of(name)) == len(before.of(name)) + 4


async def test_answer_is_cached_and_computed_once() -> None:
    pool, now = UnreachablePool(), SimpleNamespace(ns=1)
    readers = {"requests": ReaderPool(cast(Pool, pool))}
    metrics = MetricsRoutes([RequestMeter()], readers, lambda: 0, 1, 3, lambda: now.ns)
    request = cast(web.Request, None)
    responses = await asyncio.gather(*(metrics.metrics(request) for _ in range(50)))
    assert pool.requests == 1
    assert len({response.body for response in responses}) == 1
    now.ns += 2_999_999_999
    await metrics.metrics(request)
    assert pool.requests == 1
    now.ns += 1
    await metrics.metrics(request)
    assert pool.requests == 2


async def test_applications_count_separately(api: ApiClient) -> None:
    names = {metric.name for metric in REGISTRY.collect()}
    async with serving_without_database() as other:
        await other.get("/health")
        assert len((await scrape(other)).of("cost_analytics_http_requests_total")) == 1
    assert (await scrape(api)).of("cost_analytics_http_requests_total") == {}
    assert {metric.name for metric in REGISTRY.collect()} == names


async def test_metrics_are_public_and_support_head_requests(api: ApiClient) -> None:
    response = await api.ask("HEAD", "/metrics")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 1_000
    assert (await api.ask("GET", "/metrics", bearer="nonsense")).status == 200
    assert (await api.ask("POST", "/metrics", bearer=token(role="admin"))).status == 405


def requests_of(route: str | None) -> Iterator[Any]:
    resource = route and SimpleNamespace(canonical=route)
    info = SimpleNamespace(route=SimpleNamespace(resource=resource))

    class FakeRequest(dict[Any, Any]):
        match_info, method = info, "GET"

    while True:
        yield FakeRequest()


def test_bucket_counts_durations_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = RequestMeter()
    for request, took_us in zip(
        requests_of("/x"), (499, 500, 501, 10_000_000, 10_000_001), strict=False
    ):
        meter.began(request, 0)
        monkeypatch.setattr("time.monotonic_ns", lambda took_us=took_us: took_us * 1_000)
        meter.answered(request, 200)
    _, histogram = meter.collect()
    below = {s.labels["le"]: s.value for s in histogram.samples if s.name.endswith("_bucket")}
    assert list(below)[:2] == ["0.0005", "0.001"]
    assert (below["0.0005"], below["0.001"], below["5.0"]) == (2, 3, 3)
    assert (below["10.0"], below["+Inf"]) == (4, 5)
    [total] = [s.value for s in histogram.samples if s.name.endswith("_sum")]
    assert total == pytest.approx(20.001501)


def test_metric_names_and_descriptions_follow_conventions() -> None:
    assert len({each.name for each in DEFINITIONS}) == len(DEFINITIONS)
    for definition in DEFINITIONS:
        assert re.fullmatch(r"cost_analytics(_[a-z]+)+", definition.name)
        assert re.fullmatch(r"[^\n]+\.", definition.help)
        assert not {"user", "call", "persona"} & set(definition.labels)


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = dict(
        re.findall(r"^\| `(cost_analytics_[a-z_]+)`(?: by ([^|]+))? \|", text, re.MULTILINE)
    )
    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows.items()} == {
        definition.name: definition.labels for definition in DEFINITIONS
    }
