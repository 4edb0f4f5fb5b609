"""Legs with billing increments in the database: settled, corrected, verified and rebuilt."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.operations.verification import rebuild, verify
from ledger.prices.increments import Increments
from tests.support.api import served_from, token
from tests.support.events import Plain, charged, cost, ended, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTES = a_price(
    "twilio", "0.014", NOW - timedelta(days=9), increments=Increments(60, 60)
)._replace(operation="outbound_call")


def piece(**more: Any) -> Plain:
    return cost(unit="seconds", **{"time": NOW, **more})


async def twilio_nano(database_url: str) -> list[tuple[str, int]]:
    """Return the cost of each day by users' days, by calls and by quarters of an hour."""
    query = """
        SELECT 'day ' || day, cost_nano FROM user_day_costs WHERE service = 'twilio' AND cost_nano <> 0
        UNION ALL
        SELECT 'call', sum((day.value ->> 'twilio')::bigint) FROM calls, jsonb_each(costs::jsonb) AS day
        UNION ALL
        SELECT 'spend ' || quarter, cost_nano FROM user_spend WHERE cost_nano <> 0
        ORDER BY 1"""
    return [tuple(row) for row in await fetch(database_url, query)]


async def test_rounding_is_settled_undone_and_redone(database_url: str) -> None:
    await add(database_url, MINUTES)
    log, first, late = TopicLog(), piece(usage=61), piece(usage=60, time=NOW - timedelta(days=1))
    end = ended(time=NOW + timedelta(minutes=2), status="failed")

    async def call_nano() -> int:
        await assert_verified(database_url)
        return dict(await twilio_nano(database_url))["call"]

    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([first]))
        assert await call_nano() == 14_233_333
        await writer.record(log.batch([end]))
        assert await call_nano() == 28_000_000
        await writer.record(log.batch([late, charged(time=NOW)]))
        assert await call_nano() == 42_000_000
    async with BatchWriter(database_url) as other:
        await other.record(log.batch([voided(first, time=NOW), first, late, end]))
        assert await call_nano() == 14_000_000
        await other.record(log.batch([ended(time=NOW + timedelta(days=1), status="failed")]))
        await other.record(log.batch([piece(usage=1), piece(usage=1, legId="b")]))
        assert await call_nano() == 3 * 14_000_000
    before = await twilio_nano(database_url)
    await fetch(database_url, "UPDATE calls SET roundings = NULL, costs = '{}'")
    assert (await verify(database_url)).differences > 0
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await twilio_nano(database_url) == before


async def test_a_first_piece_with_increments_may_come_after_the_end(database_url: str) -> None:
    """Pieces of a leg were recorded before any of its kind had a price with increments."""
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(
            log.batch([piece(usage=1, time=NOW + timedelta(seconds=9)), ended(time=NOW)])
        )
    await add(database_url, MINUTES._replace(effective_from=NOW))
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([piece(usage=1)]))
    await assert_verified(database_url)
    assert dict(await twilio_nano(database_url))["call"] == 14_000_000


async def test_verify_recomputes_roundings(database_url: str) -> None:
    await add(database_url, MINUTES)
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(
            log.batch([piece(usage=1), ended(time=NOW), piece(call="call-2", usage=1)])
        )
    await assert_verified(database_url)
    await fetch(database_url, "UPDATE calls SET roundings = NULL WHERE call_id = 'call-2'")
    found = await verify(database_url)
    assert found.differences == 1
    assert found.lines[0].startswith("roundings of legs: call-2")


@pytest.mark.parametrize("kind", ["events", "calls"])
async def test_rounding_is_listed_and_exported(database_url: str, kind: str) -> None:
    await add(database_url, MINUTES)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([piece(usage=61, legId="a"), ended(time=NOW)]))
    async with served_from(database_url) as api:
        bearer = token("alice")
        call = (await api.ask("GET", "/api/costs/call/call-1", bearer=bearer)).data
        [rounding] = call["roundings"]
        assert (rounding["legId"], rounding["billed_seconds"]) == ("a", 120)
        assert call["costByService"]["twilio"] == sum(
            line["totalCost"] for line in (*call["apiCosts"]["twilio"], rounding)
        )
        assert call["apiCosts"]["twilio"][0]["legId"] == "a"
        path = "/api/costs/call/call-1/events"
        listed = (await api.ask("GET", path, bearer=bearer)).data["events"]
        assert sum(event["totalCost"] for event in listed) == call["totalCost"]
        assert {event["legId"] for event in listed if event["type"] == "cost.recorded"} == {"a"}
        days = f"startDate={NOW:%Y-%m-%d}&endDate={NOW:%Y-%m-%d}"
        path = f"/api/costs/user/alice/export.csv?type={kind}&{days}"
        text = (await api.ask("GET", path, bearer=bearer)).body.decode()
        assert ("0.013766667" if kind == "events" else "0.028") in text
