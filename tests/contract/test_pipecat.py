"""A conversation in a real Pipecat pipeline: the ledger has exactly what the services reported."""

import random
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.prices.rows import PriceRow
from tests.support import parts
from tests.support.emitter_server import EmitterServer
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.integrations import run_with_frameworks
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, until
from tests.support.repricing import add
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

CONVERSATION = "tests.support.pipecat_conversation"
LATE_SECONDS = "2.3"
"""Longer than the observer waits before it estimates."""
MILLION = 1_000_000
PRICES = (
    SamplePrice("openai", "inference", "gpt-4-turbo", "cached_input_tokens", "5.00", MILLION),
    SamplePrice("anthropic", "inference", "claude-haiku-4-5", "input_tokens", "1.00", MILLION),
    SamplePrice(
        "anthropic", "inference", "claude-haiku-4-5", "cached_input_tokens", "0.10", MILLION
    ),
    SamplePrice(
        "anthropic", "inference", "claude-haiku-4-5", "cache_write_tokens", "1.25", MILLION
    ),
    SamplePrice("anthropic", "inference", "claude-haiku-4-5", "output_tokens", "5.00", MILLION),
)
INTERRUPTED_CLAUDE = (
    "anthropic",
    ((("cached_input_tokens", 1200), ("input_tokens", 30), ("output_tokens", 6))),
)
"""Pipecat reports this request, with an estimate of its own of the reply."""
Cost = tuple[str, tuple[tuple[str, Decimal], ...]]


def units_of(reported: dict[str, Any]) -> Cost:
    """Return a usage as the ledger should have it, by the rules of each vendor."""
    service, usage = reported["service"], reported["usage"]
    if service == "deepgram":
        return service, (("seconds", Decimal(str(usage))),)
    if service == "elevenlabs":
        return service, (("characters", Decimal(usage)),)
    read = usage["cache_read_input_tokens"] or 0
    written = usage["cache_creation_input_tokens"] or 0
    reasoning = usage["reasoning_tokens"] or 0
    # OpenAI's prompt contains the cache, Anthropic's does not.
    net = usage["prompt_tokens"] - (read if service == "openai" else 0)
    units = {
        "cached_input_tokens": read,
        "cache_write_tokens": written,
        "input_tokens": net,
        "output_tokens": usage["completion_tokens"] - reasoning,
        "reasoning_tokens": reasoning,
    }
    return service, tuple(sorted((unit, Decimal(one)) for unit, one in units.items() if one))


def units_in_ledger(event: dict[str, Any]) -> Cost:
    usages = event["usages"] or [{"unit": event["unit"], "quantity": event["usage"]}]
    units = ((one["unit"], Decimal(str(one["quantity"]))) for one in usages)
    return event["service"], tuple(sorted(units))


async def enter_prices(pipeline: Pipeline) -> None:
    rows = (
        PriceRow(
            *price[:1], "api", *price[1:4], Decimal(price.usd), price.per, price.since, "tests"
        )
        for price in PRICES
    )
    await add(pipeline.database_url, *rows)


async def events_of(product: Product, call_id: str) -> list[dict[str, Any]]:
    path = f"/api/costs/call/{call_id}/events?limit=100"
    found = await product.ask("GET", path, None, "alice")
    events: list[dict[str, Any]] = found["events"]
    return events


async def hold_conversation(
    pipeline: Pipeline, directory: Path, *options: str
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return what the bot printed, the events of its call in the ledger, and the call."""
    await enter_prices(pipeline)
    product = Product(pipeline, directory)
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        token = product.token("voice-bot", "service")
        bot = await run_with_frameworks(
            CONVERSATION, product.url, token, LATE_SECONDS, *options, cwd=directory
        )
        assert (bot["flushed"], bot["refused"], bot["dropped"]) == (True, {}, {})

        async def is_settled() -> bool:
            """Whether all is counted, and nothing that spans report a second time."""
            await pipeline.until_more_than(bot["sent"] - 1)
            return not any(map(is_of_span, await kept_costs(product, bot["call"])))

        await until(is_settled)
        events = await events_of(product, bot["call"])
        call = await product.ask("GET", f"/api/costs/call/{bot['call']}", None, "alice")
    finally:
        product.close()
    await assert_verified(pipeline.database_url)
    return bot, events, call


def is_of_span(event: dict[str, Any]) -> bool:
    return str(event["source"]).startswith("/v1/traces")


async def kept_costs(product: Product, call_id: str) -> list[dict[str, Any]]:
    events = await events_of(product, call_id)
    return [one for one in events if one["type"] == "cost.recorded" and not one["voided"]]


def difference_of(costs: list[dict[str, Any]], bot: dict[str, Any]) -> tuple[int, int]:
    """Return the number of usages reported, and of those that the ledger has not or has too much."""
    exact = Counter(units_in_ledger(cost) for cost in costs if ":request:" not in cost["id"])
    reported = Counter(map(units_of, bot["reported"]))
    return reported.total(), (exact - reported).total() + (reported - exact).total()


async def test_ledger_has_exactly_what_the_services_reported(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    bot, events, call = await hold_conversation(pipeline, tmp_path)
    costs = [event for event in events if event["type"] == "cost.recorded"]
    kept = [cost for cost in costs if not cost["voided"]]
    estimates = [cost for cost in kept if ":request:" in cost["id"]]
    usages, difference = difference_of(kept, bot)
    requests = sum(one["service"] in {"openai", "anthropic"} for one in bot["reported"])
    parts.figures.append(
        f"Pipecat, {pipeline.broker}: {requests + len(estimates)} requests to models, "
        f"{usages} usages reported, {len(kept) - len(estimates)} counted, difference {difference}; "
        f"{len(estimates)} estimates, {len(costs) - len(kept)} replaced"
    )
    assert difference == 0
    assert {units_in_ledger(cost) for cost in kept if cost["estimated"]} == {
        INTERRUPTED_CLAUDE,
        # From the text of the context, and of what was received of the reply.
        *map(units_in_ledger, estimates),
    }
    assert bot["unreported"] == {"requests without usage": 3}
    assert len(estimates) == 2
    assert [cost["estimated"] for cost in costs if cost["voided"]] == [True]
    assert (call["status"], call["personaId"], call["estimated"]) == ("completed", "brad_001", True)
    assert call["tags"] == {"team": "sales"}
    assert call["unpricedEvents"] == 0


async def test_spans_of_the_same_pipeline_count_nothing_more(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Pipecat's own spans of the conversation are sent to the product as well."""
    bot, events, call = await hold_conversation(pipeline, tmp_path, "traced")
    costs = [event for event in events if event["type"] == "cost.recorded"]
    kept = [cost for cost in costs if not cost["voided"]]
    usages, difference = difference_of(kept, bot)
    spans = sum(map(is_of_span, costs))
    parts.figures.append(
        f"Pipecat and its spans, {pipeline.broker}: {usages} usages reported, difference "
        f"{difference}; {spans} costs of spans were counted first, and voided"
    )
    assert difference == 0
    assert call["tags"]["trace_id"] == bot["call"]
    assert (call["status"], call["personaId"]) == ("completed", "brad_001")


def as_sent(events: list[dict[str, Any]]) -> list[Plain]:
    return [{**event, "time": datetime.fromisoformat(event["time"])} for event in events]


@pytest.mark.parametrize("seed", range(2))
async def test_events_delivered_three_times_in_any_order_count_once(
    pipeline: Pipeline, tmp_path: Path, seed: int
) -> None:
    await enter_prices(pipeline)
    with EmitterServer() as server:
        bot = await run_with_frameworks(
            CONVERSATION, server.url, "a-token", LATE_SECONDS, cwd=tmp_path
        )
    events = as_sent([*server.stored.values()])
    assert len(events) == bot["sent"]
    expected = expect(events, (*DEFAULTS, *PRICES))
    deliveries = events * 3
    random.Random(seed).shuffle(deliveries)
    await pipeline.send(deliveries)
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(deliveries), worker)
    totals = await read_totals(pipeline.database_url)
    parts.figures.append(
        f"Pipecat, {pipeline.broker}: {len(deliveries)} deliveries of {len(events)} events in random "
        f"order, {totals.events} counted, difference {totals.cost_nano - expected.totals.cost_nano}"
    )
    assert totals == expected.totals
    assert expected.unpriced == []
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)
