"""The dashboard and the alert rules against a real Prometheus that scrapes the running product."""

import asyncio
import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from devkit.embedded.ports import choose_port
from tests.support import parts
from tests.support.events import charged, cost, ended, started
from tests.support.notifications import write_channel
from tests.support.observability import (
    DASHBOARD,
    DEFINITIONS,
    RULES,
    Prometheus,
    dashboard_queries,
    operands,
    program,
    rules,
    running_prometheus,
)
from tests.support.product_processes import Product, now
from tests.support.receivers import receiver
from tests.support.streaming import Pipeline

SECONDS_MAX = 60


async def use(product: Product) -> int:
    """Cause an alert, its notification, a refused event and a refused webhook."""
    budget = json.dumps({"dailyLimit_usd": 5}).encode()
    await product.put("/api/costs/user/alice/budget", budget, "alice")
    events = [
        started("call-1", "alice", **now()),
        cost("call-1", "alice", **now()),
        charged("call-1", "alice", **now()),
        ended("call-1", "alice", **now()),
    ]
    await product.send(*events)
    await product.pipeline.send([b"no JSON"])
    url = f"{product.url}/api/webhooks/vapi/00000000-0000-4000-8000-000000000000"
    with pytest.raises(HTTPError, match="401"):
        await asyncio.to_thread(urlopen, Request(url, data=b"{}", method="POST"), timeout=10)
    return len(events) + 1


def committed(prometheus: Prometheus) -> int:
    found = prometheus.get("query", query="sum(cost_analytics_events_total)")
    return int(found["result"][0]["value"][1])


@pytest.mark.parametrize("bootstrap", ["tansu"], ids=["tansu"], indirect=True)
async def test_each_query_has_a_value_in_a_live_scrape(pipeline: Pipeline, tmp_path: Path) -> None:
    program("prometheus")
    ports = {
        f"cost-analytics-{name}": choose_port() for name in ("api", "worker", "notices", "commands")
    }
    api_port, worker_port, notices_port, commands_port = map(str, ports.values())
    product = Product(
        pipeline,
        tmp_path,
        METRICS_PORT=api_port,
        WORKER_METRICS_PORT=worker_port,
        NOTICES_METRICS_PORT=notices_port,
        COMMANDS_METRICS_PORT=commands_port,
    )
    panels = dashboard_queries(DASHBOARD.read_text(encoding="utf-8"))
    alerts = rules(RULES.read_text(encoding="utf-8"))
    queries = [query for each in panels.values() for query in each]
    queries += [side for rule in alerts.values() for side in operands(rule["expr"])]
    try:
        async with receiver() as endpoint:
            await write_channel(pipeline.database_url, endpoint.url)
            for name in ("worker", "notices", "commands", "api"):
                product.start(name)
            await product.until_ready()
            with running_prometheus(tmp_path, ports) as prometheus:
                await asyncio.to_thread(prometheus.without_value, ["up"], SECONDS_MAX)
                sent = await use(product)
                missing = await asyncio.to_thread(
                    prometheus.without_value, sorted(set(queries)), SECONDS_MAX
                )
                assert not missing, missing
                _assert_definitions_are_scraped(prometheus)
                health = {
                    rule["name"]: (rule["health"], rule.get("lastError"))
                    for rule in prometheus.get("rules")["groups"][0]["rules"]
                }
                assert health == dict.fromkeys(alerts, ("ok", None))
                async with asyncio.timeout(SECONDS_MAX):
                    while not endpoint.accepted:
                        await asyncio.sleep(0.1)
                for name in ("webhook_deliveries", "deliveries"):
                    query = f"sum(cost_analytics_{name}_total) == 1"
                    assert not await asyncio.to_thread(prometheus.without_value, [query], 20)
                assert committed(prometheus) == sent
    finally:
        product.close()
    parts.figures.append(
        f"live scrape by Prometheus: {len(set(queries))} queries of {len(panels)} panels and "
        f"{len(alerts)} alerts, {len(missing)} without a value; {sent} records sent, {sent} counted"
    )


def _assert_definitions_are_scraped(prometheus: Prometheus) -> None:
    scraped = set(prometheus.get("label/__name__/values"))
    names = {each.name for each in DEFINITIONS}
    assert {name for name in names if not {name, f"{name}_count"} & scraped} == set()
