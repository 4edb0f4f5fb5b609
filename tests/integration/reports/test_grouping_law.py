"""Law of groups: filtered groups are those of the plain definition, and sum up to the totals."""

import asyncio
from datetime import timedelta
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.operations.verification import rebuild, verify
from ledger.reports.filters import NO_FILTER, CostFilter, TagValue
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.api import ApiClient, served_from, token
from tests.support.databases import DatabaseCloner
from tests.support.events import NOW, Plain, event
from tests.support.grouping import Wanted, add_up, expected_groups, found_groups, total_of
from tests.support.parts import figures
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.recording import BatchWriter, TopicLog
from tests.support.repricing import a_twilio, add
from tests.support.strategies import OWNERS, TIMES, arrivals, streams
from tests.support.summing import sum_at_once, unchanged_periods

BEGIN = TIMES[0] - timedelta(days=2)
DAYS = [TIMES[0].date() + timedelta(days=number) for number in range(-1, 4)]
LATE = SamplePrice("twilio", "outbound_call", "*", "minutes", "0.02", since=BEGIN)
GROUPINGS = ("tag:campaign", "tag:key4", "persona", "service", "model")


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Mostly no filter."""
    return st.just(()) | st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


filters = st.builds(
    CostFilter,
    some("brad_001", "sarah_001", "unknown"),
    some("twilio", "cerebras", "stripe", "raindrop"),
    some("", "nova-2", "llama3.1-8b", "another"),
    some(
        TagValue("campaign", "spring"),
        TagValue("campaign", ""),
        TagValue("campaign", "größer als 💶"),
        TagValue("team", "red"),
        TagValue("key4", ""),
    ),
)
requests = st.builds(
    Wanted,
    st.sampled_from(["user-0", "user-0", "user-1", None]),
    st.just((DAYS[0], DAYS[-1]))
    | st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(lambda two: (min(two), max(two))),
    st.just(NO_FILTER) | filters,
    st.sampled_from(GROUPINGS),
)
STARTS = [
    event("call.started", {"callId": call, "userId": owner, "personaId": "brad_001"}, id=call)
    for call, owner in OWNERS.items()
]
"""The calls have owners in each example, and their costs count."""
SUMMED_DAYS = st.lists(st.integers(-2, 3), min_size=1, max_size=4)
questions = st.lists(st.tuples(requests, st.integers(1, 3)), min_size=6, max_size=12)


async def check(
    api: ApiClient, events: list[Plain], wanted: Wanted, limit: int, prices: Any
) -> int:
    """Compare an answer with the plain definition; return the number of groups."""
    root = token("root", role="admin")
    path = (
        "/api/admin/costs/analytics"
        if wanted.user is None
        else f"/api/costs/user/{wanted.user}/spending"
    )
    query = urlencode([*wanted.query, ("groupLimit", str(limit))])
    body = (await api.ask("GET", f"{path}?{query}", bearer=root)).data
    expected = expected_groups(events, prices, wanted)
    shown, others, number = found_groups(body)
    assert shown == {value: expected.get(value) for value in shown}
    assert expected.keys() - shown.keys() - {None} == hidden(expected, shown, limit)
    assert len(shown.keys() - {None}) <= limit
    assert others == add_up(expected[value] for value in expected.keys() - shown.keys())
    assert number == len(expected.keys() - shown.keys())
    total, of_groups = total_of(body), add_up([*shown.values(), others])
    if wanted.group_by in ("service", "model"):  # charges and calls belong to whole calls
        total, of_groups = total[:1], of_groups[:1]  # type: ignore[assignment]
    assert of_groups == total
    has_profit = body.get("totalGrossProfit", body.get("totalProfit")) is not None
    assert has_profit is not wanted.filters.narrows_costs
    daily = add_up(
        total_of({**day, "totalCharged": day["chargedToUser"], "totalRefunded": 0,
                  "totalCalls": day["calls"], "totalDuration_seconds": 0})
        for day in body["daily"]
    )  # fmt: skip
    everything = total_of(body)
    assert (daily[0], daily[1], daily[3]) == (everything[0], everything[1], everything[3])
    return len(expected)


def hidden(expected: dict[Any, Any], shown: dict[Any, Any], limit: int) -> set[Any]:
    """Return the groups that a list of so many leaves out: those with the lowest costs."""
    named = sorted(
        (value for value in expected if value is not None),
        key=lambda value: (
            -expected[value][0],
            -expected[value][3],
            -expected[value][1],
            value.encode(),
        ),
    )
    return set(named[limit:])


async def play(
    url: str, events: list[Plain], batches: list[list[Plain]], asked: Any, days: list[int]
) -> int:
    """`days` are when periods are summed, after each batch and each correction."""
    groups = 0
    moments = cycle(NOW + timedelta(days=number) for number in days)
    async with BatchWriter(url) as writer:
        for batch in batches:
            await writer.record(TopicLog().batch(batch))
            await sum_at_once(url, next(moments))
        assert writer.letters == []
    async with served_from(url, today=NOW.date()) as api:

        async def check_all(prices: Any) -> int:
            return sum([await check(api, events, wanted, limit, prices) for wanted, limit in asked])

        groups += await check_all(DEFAULTS)
        await add(url, a_twilio(LATE.usd, BEGIN))
        await Repricer(url).apply(RepricingScope(BEGIN, NOW + timedelta(days=1)))
        groups += await check_all([*DEFAULTS, LATE])
        await sum_at_once(url, next(moments))
        groups += await check_all([*DEFAULTS, LATE])
        await rebuild(url)
        groups += await check_all([*DEFAULTS, LATE])
        await sum_at_once(url, NOW + timedelta(days=3))
        assert await unchanged_periods(url) > 0
        groups += await check_all([*DEFAULTS, LATE])
    found = await verify(url)
    assert found.differences == 0, found.lines
    return groups


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(events=streams.map(lambda events: [*STARTS, *events]), asked=questions, data=st.data())
def test_groups_are_those_of_the_definition_and_sum_up_to_the_totals(
    databases: DatabaseCloner, events: list[Plain], asked: Any, data: st.DataObject
) -> None:
    batches = data.draw(arrivals(events))
    with databases.clone() as url:
        groups = asyncio.run(play(url, events, batches, asked, data.draw(SUMMED_DAYS)))
    assert groups > 0
    figures.append(f"groups by the definition: {groups} compared, difference 0 nano-dollars")
