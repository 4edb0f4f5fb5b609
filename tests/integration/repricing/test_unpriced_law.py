"""For any order of events, prices, repeats and voids, each event gets the price for its time."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.operations.verification import rebuild
from ledger.prices.rows import PriceRow
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from schemas.identity import identity_of
from tests.support.events import Plain, charged, cost, started, voided, with_usages
from tests.support.expected import expect
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.recording import BatchWriter, TopicLog, assert_verified
from tests.support.repricing import add
from tests.support.totals import read_totals
from tests.support.unpriced import price_unpriced, unpriced_ids

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
BEGIN = NOW - timedelta(days=20)
ALL = RepricingScope(BEGIN - timedelta(days=1), NOW + timedelta(days=1))

names = (f"unpriced-{number}" for number in itertools.count())
days = st.integers(0, 19)
requests = st.lists(st.sampled_from(["minutes", "beeps", "seconds"]), min_size=1, unique=True).map(
    lambda units: [{"unit": unit, "quantity": 3} for unit in units]
)
costs = st.fixed_dictionaries(
    {
        "usages": st.none() | requests,
        "call": st.integers(0, 2),
        "day": days,
        "usage": st.integers(0, 500) | st.decimals(0, 90, places=5),
        "unit": st.sampled_from(["minutes", "seconds"]),
        "model": st.sampled_from([None, "big"]),
        "personaId": st.sampled_from([None, "p1"]),
        "estimated": st.booleans(),
    }
)
rates = st.fixed_dictionaries(
    {
        "day": days,
        "usd": st.decimals(0, 3, places=10),
        "model": st.sampled_from(["*", "big"]),
    }
)
chosen = st.fixed_dictionaries(
    {
        "costs": st.lists(costs, min_size=1, max_size=6),
        "charges": st.lists(days, max_size=2),
        "rates": st.lists(rates, min_size=1, max_size=3, unique_by=lambda one: (one["day"], one["model"])),
        "voids": st.sets(st.integers(0, 5), max_size=2),
        "runs": st.lists(st.sampled_from(["price", "price", "rebuild"]), max_size=3),
        "repeats": st.lists(st.integers(0, 9), max_size=3),
    }
)  # fmt: skip


def events_of(service: str, example: dict[str, Any]) -> list[Plain]:
    """Return the start of each call, its costs, charges by a processor without a fee, and voids."""
    where = [{"call": f"{service}/{n}", "user": f"{service}-user"} for n in range(3)]
    recorded = [
        cost(
            service=service, operation="talk", time=NOW - timedelta(days=one["day"], minutes=place),
            **with_usages({k: v for k, v in one.items() if k not in {"call", "day"}}),
            **where[one["call"]],
        )
        for place, one in enumerate(example["costs"])
    ]  # fmt: skip
    charges = [
        charged(
            **where[place],
            processor=f"{service}-pay",
            time=NOW - timedelta(days=day),
            amount="7.77",
        )
        for place, day in enumerate(example["charges"])
    ]
    voids = [
        voided(one, one["data"]["callId"], None, time=one["time"])
        for place, one in enumerate(recorded)
        if place in example["voids"]
    ]
    starts = [started(**each, time=BEGIN) for each in where]
    return [*starts, *recorded, *charges, *voids]


def prices_of(service: str, example: dict[str, Any]) -> list[PriceRow]:
    """Return the prices of the vendor, and the fee of the processor in its two parts."""
    usage = [
        PriceRow(
            service, "api", "talk", one["model"], "minutes", one["usd"], 1,
            NOW - timedelta(days=one["day"], hours=3), "tests",
        )
        for one in example["rates"]
    ]  # fmt: skip
    fee = (("usd", "2.9", 100), ("charges", "0.30", 1))
    beeps = PriceRow(
        service, "api", "talk", "*", "beeps", Decimal("0.01"), 1, NOW - timedelta(days=9), "tests"
    )
    return [*usage, beeps] + [
        PriceRow(
            f"{service}-pay", "transaction", "fee", "*", unit, Decimal(usd), per, BEGIN, "tests"
        )
        for unit, usd, per in fee
    ]


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # no shrinking, as examples take a while
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(example=chosen, data=st.data())
async def test_each_event_gets_the_price_for_its_time(
    database_url: str, example: dict[str, Any], data: st.DataObject
) -> None:
    service = next(names)
    events, rows = events_of(service, example), prices_of(service, example)
    repeats = [events[n % len(events)] for n in example["repeats"]]
    steps = data.draw(st.permutations([*events, *repeats, *rows, *example["runs"]]))
    async with BatchWriter(database_url) as writer:
        for step in steps:
            if isinstance(step, PriceRow):
                await add(database_url, step)
            elif isinstance(step, dict):
                await writer.record(TopicLog().batch([step]))
            else:
                await (price_unpriced if step == "price" else rebuild)(database_url)
        assert writer.letters == []
    await price_unpriced(database_url)
    await assert_verified(database_url)
    sample = [
        SamplePrice(row.service, row.operation, row.model, row.unit, str(row.price_usd), since=row.effective_from)
        for row in rows
    ]  # fmt: skip
    expected = expect(events, [*DEFAULTS, *sample])
    left = await unpriced_ids(database_url)
    assert left == sorted(identity_of(one["source"], one["id"]) for one in expected.unpriced)
    # Costs that had a price when they were recorded keep it until they are repriced.
    await Repricer(database_url).apply(ALL)
    found = (await read_totals(database_url)).calls
    for call_id, call in expected.totals.calls.items():
        assert (found[call_id].costs, found[call_id].charges) == (call.costs, call.charges)
        assert found[call_id].estimated_count == call.estimated_count
        assert found[call_id].persona_id == call.persona_id
    before = await read_totals(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await read_totals(database_url) == before
    await price_the_rest(database_url, service)


async def price_the_rest(database_url: str, service: str) -> None:
    """Enter a price for all times, so that no unpriced event is left for the next example."""
    since = BEGIN - timedelta(days=1)
    for unit in ("minutes", "beeps"):
        row = PriceRow(service, "api", "talk", "*", unit, Decimal(0), 1, since, "tests")
        await add(database_url, row)
    await price_unpriced(database_url)
    assert await unpriced_ids(database_url) == []
    await assert_verified(database_url)
