"""Calls are charged by plans; `verify` computes the charges again from the events and the plans."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ledger.operations.verification import rebuild, verify
from ledger.postgres.database import connected
from ledger.prices.price_book import PriceBook
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add
from tests.support.totals import read_totals
from tests.support.unpriced import price_unpriced

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ALL = RepricingScope(NOW - timedelta(days=1), NOW + timedelta(days=1))
USD = 10**9
SHARES = 35_000_000  # of infrastructure

PLANS = (
    SamplePlan("per_minute", "0.35", minimum=60, increment=60, included=1),
    SamplePlan("per_call", "1.50", tag=("campaign", "spring")),
    SamplePlan("cost_plus", "0.10", persona="sarah_001", markup="25"),
    SamplePlan("cost_plus", user="bob", markup="50"),
    SamplePlan("per_call", "0", user="carol"),
    SamplePlan("default", user="dave"),
)


def events() -> list[Plain]:
    """Return calls of every plan, with late tags, personas, costs and voids."""
    wrong = cost("call-3", time=NOW, totalCost="0.5")
    return [
        started("call-1", time=NOW),
        ended("call-1", time=NOW, duration_seconds="180.5"),
        ended("call-2", time=NOW, duration_seconds=5),
        cost("call-2", time=NOW, tags={"campaign": "spring"}),
        ended("call-3", time=NOW),
        cost("call-3", time=NOW, totalCost=1),
        wrong,
        voided(wrong, "call-3", time=NOW),
        started("call-3", time=NOW, persona="sarah_001"),
        ended("call-4", "bob", time=NOW),
        cost("call-4", "bob", time=NOW, usage=3),
        refunded("call-4", "bob", time=NOW),
        ended("call-5", "carol", time=NOW),
        ended("call-6", "dave", time=NOW),
        ended("call-7", "bob", time=NOW),
        charged("call-7", "bob", time=NOW),
        ended("call-8", "bob", time=NOW, status="failed"),
    ]


@pytest.fixture
async def recorded(database_url: str) -> list[Plain]:
    """The events above, recorded a few at a time, with the plans entered before."""
    await enter_plans(database_url, *PLANS)
    all_events = events()
    await record(database_url, all_events, size=3)
    return all_events


async def record(database_url: str, of: list[Plain], size: int = 20) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for start in range(0, len(of), size):
            await writer.record(log.batch(of[start : start + size]))
        assert not writer.letters


async def charges(database_url: str) -> dict[str, int]:
    """Return what each call is charged by the ledger."""
    rows = await fetch(database_url, "SELECT call_id, default_charge_nano FROM calls ORDER BY 1")
    return {row["call_id"]: row["default_charge_nano"] for row in rows}


async def settlements(database_url: str) -> list[dict[str, Any]]:
    rows = await fetch(
        database_url, "SELECT data FROM call_cost_events WHERE type = 'call.settled'"
    )
    return [msgspec.json.decode(row["data"]) for row in rows]


async def test_calls_are_charged_by_the_most_specific_plan(
    database_url: str, recorded: list[Plain]
) -> None:
    assert await read_totals(database_url) == expect(recorded, plans=PLANS).totals
    assert await charges(database_url) == {
        "call-1": 1_050_000_000,  # 180.5 s are 4 minutes, of which 1 is included
        "call-2": 1_500_000_000,
        "call-3": (USD + SHARES) * 5 // 4 + 100_000_000,
        "call-4": (42_000_000 + SHARES) * 3 // 2,
        "call-5": 0,
        "call-6": 4_990_000_000,
        "call-7": 0,
        "call-8": 0,
    }
    await assert_verified(database_url)


async def test_rebuild_restores_charge_plans(database_url: str, recorded: list[Plain]) -> None:
    query = "SELECT call_id, charge_plan, rerated_nano, default_charge_nano FROM calls ORDER BY 1"
    before = await fetch(database_url, query)
    await fetch(
        database_url,
        "UPDATE calls SET charge_plan = NULL, rerated_nano = 7, default_charge_nano = 1",
    )
    assert (await verify(database_url)).differences > 0
    await rebuild(database_url)
    assert await fetch(database_url, query) == before
    await assert_verified(database_url)


_DECISION = "UPDATE call_cost_events SET data = {} WHERE type = 'call.settled' AND call_id = '{}'"
TAMPERING = {
    "the plan of a call": "UPDATE calls SET charge_plan = NULL WHERE call_id = 'call-5'",
    "what later prices added": "UPDATE calls SET rerated_nano = 1 WHERE call_id = 'call-1'",
    "the charge of a decision": _DECISION.format(
        "jsonb_set(data::jsonb, '{defaultCharge}', '7')", "call-1"
    ),
    "the amount of a plan": "ALTER TABLE charge_plans DISABLE TRIGGER keep_charge_plans;"
    "UPDATE charge_plans SET amount_nano = 1 WHERE plan_id = 2",
    "the user of a plan": "ALTER TABLE charge_plans DISABLE TRIGGER keep_charge_plans;"
    "UPDATE charge_plans SET user_id = 'alice' WHERE plan_id = 5",
    "a tag of a call": "DELETE FROM call_cost_events WHERE tags IS NOT NULL",
    "a cost": "DELETE FROM call_cost_events WHERE type = 'cost.recorded' AND call_id = 'call-4'",
}


@pytest.mark.parametrize("statements", TAMPERING.values(), ids=TAMPERING.keys())
async def test_verify_detects_a_changed_charge(
    database_url: str, recorded: list[Plain], statements: str
) -> None:
    for statement in statements.split(";"):
        await fetch(database_url, statement)
    found = await verify(database_url)
    assert any(line.startswith("charge") for line in found.lines), found.lines


async def test_plans_cannot_be_changed(database_url: str, recorded: list[Plain]) -> None:
    for statement in ("UPDATE charge_plans SET amount_nano = 1", "DELETE FROM charge_plans"):
        with pytest.raises(Exception, match="never changed or removed"):
            await fetch(database_url, statement)


async def test_settlements_without_plans_are_as_before(database_url: str) -> None:
    await record(database_url, events(), size=3)
    assert await read_totals(database_url) == expect(events()).totals
    keys = {key for decided in await settlements(database_url) for key in decided}
    assert keys == {"infrastructure", "defaultCharge", "defaultFee", "version"}


async def test_a_plan_created_later_changes_nothing_that_was_settled(database_url: str) -> None:
    await record(database_url, [ended("call-1", time=NOW)])
    before, decided = await charges(database_url), await settlements(database_url)
    await enter_plans(database_url, SamplePlan("per_call", "1"))
    await record(database_url, [cost("call-1", time=NOW), refunded("call-1", time=NOW)])
    assert await charges(database_url) == before
    assert await settlements(database_url) == decided
    await record(database_url, [ended("call-2", time=NOW)])
    assert (await charges(database_url))["call-2"] == USD
    await assert_verified(database_url)


async def test_later_prices_do_not_change_a_charge(database_url: str) -> None:
    """Unless it is asked for; a void takes back what was charged for the cost."""
    await enter_plans(database_url, SamplePlan("cost_plus", markup="100"))
    await add(database_url, a_price("vendor", "0.10", NOW - timedelta(days=9)))
    talk: dict[str, Any] = {"service": "vendor", "operation": "talk", "time": NOW}
    first = cost("call-1", usage=10, **talk)
    await record(database_url, [first, ended("call-1", time=NOW)])
    assert await charges(database_url) == {"call-1": 2 * (USD + SHARES)}

    await add(database_url, a_price("vendor", "0.30", NOW - timedelta(days=3)))
    assert (await Repricer(database_url).apply(ALL)).costs == 1
    assert await charges(database_url) == {"call-1": 2 * (USD + SHARES)}
    await assert_verified(database_url)

    await add(database_url, a_price("vendor", "0.20", NOW - timedelta(days=2)))
    assert (await Repricer(database_url).apply(ALL, changes_charges=True)).costs == 1
    assert await charges(database_url) == {"call-1": 2 * (2 * USD + SHARES)}
    await assert_verified(database_url)

    await record(database_url, [voided(first, "call-1", time=NOW)])
    assert await charges(database_url) == {"call-1": 2 * SHARES}
    await assert_verified(database_url)


async def test_the_first_price_of_a_cost_changes_the_charge(database_url: str) -> None:
    await enter_plans(database_url, SamplePlan("cost_plus", markup="100"))
    talk: dict[str, Any] = {"service": "vendor", "operation": "talk", "time": NOW}
    await record(database_url, [cost("call-1", usage=10, **talk), ended("call-1", time=NOW)])
    assert await charges(database_url) == {"call-1": 2 * SHARES}
    for turn, usd in enumerate(("0.10", "0.30")):
        since = NOW - timedelta(days=9 - turn)
        await add(database_url, a_price("vendor", usd, since))
        await price_unpriced(database_url)
        await Repricer(database_url).apply(ALL)
        assert await charges(database_url) == {"call-1": 2 * (USD + SHARES)}
        await assert_verified(database_url)


async def test_a_worker_with_older_plans_reads_them_before_it_decides(database_url: str) -> None:
    book = PriceBook()
    async with connected(database_url, name="tests") as connection:
        await book.refresh(connection)
    await enter_plans(database_url, SamplePlan("per_call", "2", tag=("team", "red")))
    await record(database_url, [ended("call-1", time=NOW, tags={"team": "red"})])
    async with BatchWriter(database_url, book) as writer:
        late = ended("call-1", time=NOW + timedelta(seconds=9))
        await writer.record(TopicLog().batch([late]))
    assert await charges(database_url) == {"call-1": 2 * USD}
    await assert_verified(database_url)
