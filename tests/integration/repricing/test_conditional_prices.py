"""Late prices with conditions correct only the costs that match the conditions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.postgres.database import connected
from ledger.prices.conditions import Conditions
from ledger.prices.reading import read_catalogue
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from ledger.repricing.unpriced_pricer import UnpricedPricer
from tests.support.archives import archive
from tests.support.events import cost
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import SHARES, a_price, a_twilio, add, cost_nano

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
ALL = RepricingScope(NOW - timedelta(days=90), NOW + timedelta(minutes=1))


async def test_late_conditional_price_corrects_only_matching_costs(
    database_url: str, tmp_path: Path
) -> None:
    """Also in an archived month, by the stored prefix of the called number."""
    british, american = {"destination": "+442071838750"}, {"destination": "+12125550123"}
    contexts: list[Any] = [None, british, american, {**british, "direction": "inbound"}]
    begin = NOW - timedelta(days=75)
    events = [
        cost(f"call-{number}", f"user-{number % 4}", time=begin, priceContext=contexts[number % 4])
        for number in range(8)
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    stored = await fetch(database_url, "SELECT DISTINCT price_context FROM call_cost_events")
    assert {row[0] for row in stored} == {
        None,
        '{"destination":"+4420718"}',
        '{"destination":"+1212555"}',
        '{"direction":"inbound","destination":"+4420718"}',
    }
    await archive(database_url, tmp_path, 1)
    assert not await fetch(database_url, "SELECT FROM call_cost_events")
    british_price = a_twilio("0.114", begin, Conditions(destination="+44"))
    both = Conditions(destination="+442", direction="outbound")
    await add(database_url, british_price, british_price._replace(conditions=both))
    await add(database_url, a_twilio("0.014", begin))  # as before: nothing to correct
    repricer = Repricer(database_url)
    report = await repricer.preview(ALL)
    assert (report.total.costs, report.total.difference_nano) == (4, 4 * 100_000_000)
    assert await repricer.apply(ALL, costs_max=3) == (3, 0, False)
    assert await repricer.apply(ALL) == (1, 0, True)
    assert await repricer.apply(ALL) == (0, 0, True)
    await assert_verified(database_url)
    for number in range(4):
        expected = 2 * (SHARES + (114_000_000 if number % 4 in {1, 3} else 14_000_000))
        assert await cost_nano(database_url, f"user-{number}") == expected


async def test_costs_in_a_tier_ignore_late_standard_prices(
    database_url: str,
) -> None:
    tier = {"priceContext": {"tier": "priority"}, "unitCost": "0.5"}
    events = [cost("call-1", "carol", time=NOW, **tier), cost("call-2", "dave", time=NOW)]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    assert await cost_nano(database_url, "carol") == SHARES + 500_000_000
    assert await cost_nano(database_url, "dave") == SHARES + 14_000_000
    await add(database_url, a_twilio("0.02", NOW))
    assert await Repricer(database_url).apply(ALL) == (1, 0, True)
    assert await cost_nano(database_url, "carol") == SHARES + 500_000_000


async def test_a_usage_in_a_tier_is_priced_once_the_tier_has_a_price(database_url: str) -> None:
    events = [
        cost(f"call-{tier}", tier, time=NOW, priceContext={"tier": tier})
        for tier in ("batch", "priority", "standard")
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    assert not writer.letters
    await add(database_url, a_twilio("0.007", ALL.since, Conditions("batch")))
    async with connected(database_url, name="tests") as connection:
        catalogue = await read_catalogue(connection)
        priced = await UnpricedPricer("charged").run_once(connection, catalogue)
    assert (priced.priced, priced.left) == (1, 1)
    await assert_verified(database_url)
    spent = {
        tier: await cost_nano(database_url, tier) for tier in ("batch", "priority", "standard")
    }
    assert spent == {
        "batch": SHARES + 7_000_000,
        "priority": SHARES,
        "standard": SHARES + 14_000_000,
    }


async def test_size_of_a_request_is_the_sum_of_its_input_quantities(database_url: str) -> None:
    """Also when the request is priced again, because the size is not stored."""
    usages: list[dict[str, Any]] = [{"unit": "input_tokens", "quantity": 150_000},
              {"unit": "cached_input_tokens", "quantity": 60_000},
              {"unit": "output_tokens", "quantity": 1_000}]  # fmt: skip
    request = cost("call-1", "rita", time=NOW, service="vendor", operation="talk", usages=usages)
    del request["data"]["usage"], request["data"]["unit"]
    since = ALL.since
    standard = [a_price("vendor", "0.000001", since, unit=usage["unit"]) for usage in usages]
    await add(database_url, *standard)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([request]))
    assert not writer.letters
    assert await cost_nano(database_url, "rita") == SHARES + 211_000_000
    above = Conditions(input_size_above=200_000)
    late = standard[0]._replace(conditions=above, price_usd=standard[0].price_usd * 2)
    await add(database_url, late, late._replace(conditions=Conditions(input_size_above=210_000)))
    assert await Repricer(database_url).apply(ALL) == (1, 0, True)
    assert await cost_nano(database_url, "rita") == SHARES + 361_000_000
    await assert_verified(database_url)


async def test_a_held_event_keeps_its_context_and_not_the_called_number(database_url: str) -> None:
    conditions = Conditions(destination="+4420", direction="outbound")
    await add(database_url, a_twilio("0.05", ALL.since, conditions))
    context = {"destination": "+442071838750", "direction": "outbound"}
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        held = cost("call-1", None, time=NOW, priceContext=context)
        await writer.record(log.batch([held]))
        (stored,) = await fetch(database_url, "SELECT event FROM held_events")
        assert "+4420718" in stored[0]
        assert "8750" not in stored[0]
        await writer.record(log.batch([cost("call-1", "hank", time=NOW, totalCost=0)]))
    assert not writer.letters
    assert await cost_nano(database_url, "hank") == SHARES + 50_000_000
    await assert_verified(database_url)
