"""Laws of repricing: reverting a correction restores every total; order does not matter."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.prices.conditions import NO_CONDITIONS, Conditions, Hours
from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.prices.rows import PriceRow
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.events import Plain, charged, cost, ended, started, voided, with_usages
from tests.support.recording import BatchWriter, TopicLog, assert_verified
from tests.support.repricing import a_price, add, totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
BEGIN = NOW - timedelta(days=90)
ALL = RepricingScope(BEGIN - timedelta(days=1), NOW + timedelta(days=1))
TICK = timedelta(microseconds=1)

names = (f"vendor-{number}" for number in itertools.count())
prices = st.decimals(0, 3, places=10)
days = st.integers(1, 89)
requests = st.fixed_dictionaries(
    {"minutes": st.integers(0, 9) | st.decimals(0, 9, places=5), "seconds": st.integers(0, 500)}
).map(lambda of: [{"unit": unit, "quantity": quantity} for unit, quantity in of.items()])
costs = st.fixed_dictionaries(
    {
        "call": st.integers(0, 3),
        "user": st.integers(0, 1),
        "days": days,
        "usage": st.integers(0, 500) | st.decimals(0, 90, places=5),
        "unit": st.sampled_from(["minutes", "seconds"]),
        "model": st.sampled_from([None, "big"]),
        "estimated": st.booleans(),
        "metadata": st.sampled_from([None, {}, {"sid": "CA1", "n": 1}]),
        "personaId": st.sampled_from([None, "p1", "p2"]),
        "totalCost": st.sampled_from([None, None, None, "0.5"]),
        "priceContext": st.sampled_from(
            [None, {"tier": "standard"}, {"inputSize": 300_000, "destination": "+442071838750"}]
        ),
        "usages": st.none() | requests,
        "legId": st.sampled_from([None, None, "b"]),
    }
)
conditions = st.sampled_from(
    [
        NO_CONDITIONS,
        NO_CONDITIONS,
        Conditions(destination="+44"),
        Conditions(input_size_above=200_000),
        Conditions(hours=Hours(6 * 60, 18 * 60)),
        Conditions(tier="batch"),
    ]
)
increments = st.sampled_from(
    [NO_INCREMENTS, Increments(60, 60), Increments(30, 6), Increments(minimum_seconds=15)]
)
LateChange = tuple[int, Decimal, str, Conditions, Increments]
late = st.tuples(days, prices, st.sampled_from(["*", "*", "big"]), conditions, increments)


def events_of(service: str, generated: list[dict[str, Any]], ends: bool) -> list[Plain]:
    """Return the events of some calls of two users, with distinct ids."""
    events: list[Plain] = []
    for place, one in enumerate(generated):
        call, user = f"{service}/{one['user']}/{one['call']}", f"{service}-{one['user']}"
        fields = {name: one[name] for name in one if name not in {"call", "user", "days"}}
        # Later than a price of that day and than the price that reverts it.
        at = NOW - timedelta(days=one["days"], minutes=place) + 2 * TICK
        where: dict[str, Any] = {"call": call, "user": user, "time": at}
        events.append(cost(service=service, operation="talk", **with_usages(fields), **where))
        if place % 3 == 0:
            events.append(started(**where))
        if ends and place % 2 == 0:
            events.append(ended(**where))
        if ends and place % 5 == 0:
            events.append(charged(**where))
    return events


slow = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # no shrinking, as examples take a while
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@slow
@given(generated=st.lists(costs, min_size=1, max_size=8), changes=st.lists(late, min_size=1, max_size=3),
       first=prices, steps=increments, voids=st.booleans(), ends=st.booleans(),
       follows=st.booleans())  # fmt: skip
async def test_reverting_a_correction_restores_every_total(
    database_url: str,
    generated: list[dict[str, Any]],
    changes: list[LateChange],
    first: Decimal,
    steps: Increments,
    voids: bool,
    ends: bool,
    follows: bool,
) -> None:
    service = next(names)
    users = [f"{service}-0", f"{service}-1"]
    await add(database_url, a_price(service, first, BEGIN, increments=steps))
    await enter_plans(database_url, SamplePlan("cost_plus", user=users[0], markup="10"))
    events = events_of(service, generated, ends)
    if voids:
        first_one = events[0]
        events.append(voided(first_one, first_one["data"]["callId"], None, time=first_one["time"]))
    repricer = Repricer(database_url)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    before = await totals(database_url, users)

    rows = late_prices(service, changes)
    await add(database_url, *rows)
    preview = await repricer.preview(ALL, changes_charges=follows)
    applied = await repricer.apply(ALL, changes_charges=follows)
    assert (applied.costs, applied.complete) == (preview.total.costs, True)
    await assert_verified(database_url)
    after = await totals(database_url, users)
    assert spent(after) - spent(before) == preview.total.difference_nano
    assert charges(after) - charges(before) == preview.charges.difference_nano
    assert follows or not preview.charges.calls
    assert (await repricer.apply(ALL)).costs == 0
    assert await totals(database_url, users) == after

    reverted = [
        row._replace(price_usd=first, increments=steps, effective_from=row.effective_from + TICK)
        for row in rows
    ]
    await add(database_url, *reverted)
    await repricer.apply(ALL, changes_charges=follows)
    await assert_verified(database_url)
    assert await totals(database_url, users) == before


def late_prices(service: str, changes: list[LateChange]) -> list[PriceRow]:
    """Return rows with distinct keys."""
    rows = {
        (day, model, when): a_price(
            service,
            usd,
            NOW - timedelta(days=day),
            model=model,
            conditions=when,
            increments=rounding,
        )
        for day, usd, model, when, rounding in changes
    }
    return list(rows.values())


def spent(all_totals: list[list[Any]]) -> int:
    return sum(row[-1] for row in all_totals[1])


def charges(all_totals: list[list[Any]]) -> int:
    """Return what the users were charged, of the columns of `user_spend`."""
    return sum(row[3] for row in all_totals[3])


@slow
@given(generated=st.lists(costs, min_size=2, max_size=6), usd=prices, again=st.none() | prices,
       ends=st.booleans(), which=st.sets(st.integers(0, 5)))  # fmt: skip
async def test_void_has_the_same_effect_before_and_after_a_correction(
    database_url: str,
    generated: list[dict[str, Any]],
    usd: Decimal,
    again: Decimal | None,
    ends: bool,
    which: set[int],
) -> None:
    results = []
    for voids_first in (True, False):
        service = next(names)
        users = [f"{service}-0", f"{service}-1"]
        await add(database_url, a_price(service, "0.7", BEGIN, increments=Increments(30, 6)))
        await enter_plans(database_url, SamplePlan("cost_plus", user=users[0], markup="10"))
        events = events_of(service, generated, ends)
        late = [
            cost(event["data"]["callId"], event["data"]["userId"], service=service, operation="talk",
                 usage=7, unit="seconds", time=event["time"])
            for event in events if event["type"] == "call.ended"
        ]  # fmt: skip
        recorded = [event for event in events if event["type"] == "cost.recorded"]
        voids = [
            voided(event, event["data"]["callId"], None, time=event["time"])
            for place, event in enumerate(recorded)
            if place in which
        ]
        async with BatchWriter(database_url) as writer:
            await writer.record(TopicLog().batch(events + (voids if voids_first else [])))
            for turn, price in enumerate(filter(lambda one: one is not None, (usd, again))):
                await add(database_url, a_price(service, price or "0", BEGIN + turn * TICK + TICK))
                await Repricer(database_url).apply(ALL)
            await writer.record(TopicLog().batch(late + ([] if voids_first else voids)))
            # A second void of the same cost changes nothing.
            await writer.record(
                TopicLog().batch([{**void, "id": f"{void['id']}-2"} for void in voids])
            )
        await assert_verified(database_url)
        found = await totals(database_url, users)
        results.append(
            [
                [tuple(_without_names(str(part), service) for part in row) for row in rows]
                for rows in found
            ]
        )
    assert results[0] == results[1]


def _without_names(part: str, service: str) -> str:
    """Return a part of a total without the names that differ from turn to turn."""
    return re.sub(r'"planId": \d+, ', "", part.replace(service, "vendor"))
