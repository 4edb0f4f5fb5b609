"""Late prices with conditions correct exactly the costs that they are for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.prices.conditions import Conditions
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.archives import archive
from tests.support.events import cost
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add, cost_nano

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
ALL = RepricingScope(NOW - timedelta(days=90), NOW + timedelta(minutes=1))
INFRASTRUCTURE = 35_000_000
"""The share of each call, by default prices."""


def a_twilio(usd: str, since: datetime) -> Any:
    return a_price("twilio", usd, since)._replace(operation="outbound_call")


async def test_a_late_conditional_price_corrects_only_costs_that_it_is_for(
    database_url: str, tmp_path: Path
) -> None:
    """Also after archiving, by command, and with the stored prefix of the number only."""
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
    british_price = a_twilio("0.114", begin)._replace(conditions=Conditions(destination="+44"))
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
        expected = 2 * (INFRASTRUCTURE + (114_000_000 if number % 4 in {1, 3} else 14_000_000))
        assert await cost_nano(database_url, f"user-{number}") == expected


async def test_costs_in_a_tier_keep_their_price_until_the_tier_has_another(
    database_url: str,
) -> None:
    tier = {"priceContext": {"tier": "priority"}, "unitCost": "0.5"}
    events = [cost("call-1", "carol", time=NOW, **tier), cost("call-2", "dave", time=NOW)]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    assert await cost_nano(database_url, "carol") == INFRASTRUCTURE + 500_000_000
    assert await cost_nano(database_url, "dave") == INFRASTRUCTURE + 14_000_000
    await add(database_url, a_twilio("0.02", NOW))
    assert await Repricer(database_url).apply(ALL) == (1, 0, True)
    assert await cost_nano(database_url, "carol") == INFRASTRUCTURE + 500_000_000
