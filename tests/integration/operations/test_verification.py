"""`verify` detects any total that does not follow from the events; `rebuild` corrects it.

Tests of the money path rely on it: a verification without differences must have checked everything.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.operations.verification import rebuild, verify
from ledger.postgres.database import connected
from schemas.identity import identity_of
from tests.support.events import SOURCE, Plain, charged, cost, ended, refunded, started, voided
from tests.support.expected import expect
from tests.support.recording import BatchWriter, TopicLog, fetch, until_blocked
from tests.support.summing import sum_at_once
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
YESTERDAY = NOW - timedelta(days=1)


REQUEST = {
    "service": "openai",
    "operation": "inference",
    "model": "gpt-4-turbo",
    "usage": None,
    "unit": None,
    "usages": [
        {"unit": "output_tokens", "quantity": 41},
        {"unit": "input_tokens", "quantity": "7.5"},
    ],
}


def events() -> list[Plain]:
    """Return calls with every feature: charges, voids, refunds, held events, midnight."""
    wrong, early = cost("call-1", time=NOW, totalCost="0.5"), cost("call-2", "bob", time=NOW)
    return [
        started(
            "call-1",
            time=NOW,
            direction="inbound",
            expectedDuration_seconds="90.5",
            tags={"campaign": "spring", "team": "red"},
        ),
        cost("call-1", time=YESTERDAY, personaId="early", tags={"campaign": "autumn"}),
        cost("call-1", None, time=NOW, estimated=True, usage="2.5"),
        wrong,
        voided(wrong, "call-1", time=NOW),
        charged("call-1", time=NOW, fee="0.475"),
        refunded("call-1", time=YESTERDAY, amount="1.005"),
        ended("call-1", time=NOW, duration_seconds="61.5"),
        voided(early, "call-2", "bob", time=NOW),
        ended("call-2", "bob", time=NOW),
        cost("call-2", "bob", time=NOW, personaId="brad_001"),
        cost("call-2", "bob", time=NOW, id="request", **REQUEST),
        cost("call-held", None, time=NOW, tags={"campaign": "spring"}),
    ]


@pytest.fixture
async def recorded(database_url: str) -> list[Plain]:
    """The events above, recorded a few at a time."""
    all_events, log = events(), TopicLog()
    async with BatchWriter(database_url) as batch_writer:
        for start in range(0, len(all_events), 3):
            await batch_writer.record(log.batch(all_events[start : start + 3]))
    assert await read_totals(database_url) == expect(all_events).totals
    assert await sum_at_once(database_url, NOW + timedelta(days=2)) > 0
    return all_events


async def test_verify_checks_all_events_and_finds_no_difference(
    database_url: str, recorded: list[Plain]
) -> None:
    reports: list[str] = []
    found = await verify(database_url, reports.append)
    assert (found.differences, found.lines) == (0, [])
    assert found.checked["events"] == len(recorded) - 1
    assert found.checked["calls"] == 2
    assert found.checked["held"] == 1
    assert len(reports) >= 4


TAMPERING = {
    "the cost of a unit": "UPDATE call_cost_events SET usages = jsonb_set(usages, '{0,cost_nano}', '1') WHERE event_id = 'request'",
    "the quantity of a unit": "UPDATE call_cost_events SET usages = jsonb_set(usages, '{1,quantity}', '42') WHERE event_id = 'request'",
    "the price of a unit": "UPDATE call_cost_events SET usages = jsonb_set(usages, '{0,price_id}', '1') WHERE event_id = 'request'",
    "a request's unit that is missing": "UPDATE call_cost_events SET usages = usages - 0 WHERE event_id = 'request'",
    "a nano-dollar in a user's day": "UPDATE user_day_costs SET cost_nano = cost_nano + 1 WHERE service = 'twilio' AND user_id = 'alice'",
    "a user's day that is missing": "DELETE FROM user_day_costs WHERE user_id = 'bob' AND service = 'vultr'",
    "a user's day too many": "INSERT INTO user_day_costs VALUES ('carol', current_date, '', 'twilio', 1)",
    "a call counted twice": "UPDATE user_days SET calls = calls + 1 WHERE user_id = 'bob'",
    "a millisecond": "UPDATE user_days SET duration_ms = duration_ms - 1 WHERE user_id = 'bob'",
    "a charge": "UPDATE user_days SET charged_nano = charged_nano + 1 WHERE user_id = 'alice'",
    "a refund": "UPDATE user_days SET refunded_nano = 0 WHERE user_id = 'alice'",
    "another persona's day": "UPDATE user_days SET persona_id = persona_id || 'x' WHERE user_id = 'bob'",
    "a call's cost": "UPDATE calls SET costs = jsonb_set(costs::jsonb, array[(SELECT min(k) FROM jsonb_object_keys(costs::jsonb) AS k), 'vultr'], '1') WHERE call_id = 'call-1'",
    "a call's costs": "UPDATE calls SET costs = '{}' WHERE call_id = 'call-1'",
    "a call's charges": "UPDATE calls SET charges = '{}' WHERE call_id = 'call-2'",
    "a call's status": "UPDATE calls SET status = 'failed' WHERE call_id = 'call-1'",
    "a call's tag": "UPDATE calls SET tags = tags || '{\"team\": \"blue\"}' WHERE call_id = 'call-1'",
    "the origin of a call's tag": "UPDATE calls SET tagged_by = tagged_by - 'team' WHERE call_id = 'call-1'",
    "a call's tags": "UPDATE calls SET tags = NULL, tagged_by = NULL WHERE call_id = 'call-1'",
    "a tag that no event set": "UPDATE calls SET tags = '{\"team\": \"red\"}' WHERE call_id = 'call-2'",
    "a call's persona": "UPDATE calls SET persona_id = 'other' WHERE call_id = 'call-1'",
    "a call's duration": "UPDATE calls SET duration_ms = 1 WHERE call_id = 'call-1'",
    "a call's owner": "UPDATE calls SET user_id = 'mallory' WHERE call_id = 'call-1'",
    "a call's first event": "UPDATE calls SET first_at = first_at + interval '1 day' WHERE call_id = 'call-1'",
    "a call's number of events": "UPDATE calls SET event_count = event_count + 1 WHERE call_id = 'call-1'",
    "a call's estimates": "UPDATE calls SET estimated_count = 0 WHERE call_id = 'call-1'",
    "a call's default charge": "UPDATE calls SET default_charge_nano = 0 WHERE call_id = 'call-2'",
    "a call's infrastructure": "UPDATE calls SET infrastructure = '{}' WHERE call_id = 'call-1'",
    "a call that is missing": "DELETE FROM calls WHERE call_id = 'call-1'",
    "a call without events": "INSERT INTO calls (call_id, user_id, first_at, updated_at) VALUES ('ghost', 'alice', now(), now())",
    "an event that is missing": "DELETE FROM call_cost_events WHERE type = 'call.charged'",
    "a void that is missing": "DELETE FROM call_cost_events WHERE type = 'cost.voided' AND call_id = 'call-1'",
    "an event twice": "INSERT INTO call_cost_events SELECT * FROM call_cost_events WHERE type = 'call.refunded'",
    "a day of everyone": "UPDATE everyone_days SET calls = calls + 1 WHERE day = (SELECT max(day) FROM everyone_days)",
    "a charge of everyone": "UPDATE everyone_days SET charged_nano = charged_nano + 1 WHERE day = (SELECT max(day) FROM everyone_days)",
    "a cost of everyone": "UPDATE everyone_day_costs SET cost_nano = cost_nano - 1 WHERE service = 'twilio'",
    "a day of everyone that is missing": "DELETE FROM everyone_days",
    "a cost of a period": "UPDATE period_sums SET cost_nanos[1] = cost_nanos[1] + 1",
    "a model of a period": "UPDATE period_sums SET models = array_replace(models, 'gpt-4-turbo', 'gpt-4')",
    "a call of a period": "UPDATE period_sums SET calls = calls + 1",
    "a tag of a period": "UPDATE period_sums SET tags = tags - 'campaign'",
    "sums that are missing": "DELETE FROM period_sums",
    "a user's first day": "UPDATE user_activity SET first_day = first_day - 1 WHERE user_id = 'bob'",
    "a user's days": "UPDATE user_activity SET days = days + '{[2026-01-01,2026-01-02)}' WHERE user_id = 'bob'",
    "a pending void without an event": "UPDATE calls SET pending_voids = '[\"00\"]' WHERE call_id = 'call-1'",
    "a pending void that is missing": "UPDATE calls SET pending_voids = '[]' WHERE call_id = 'call-2'",
    "a user who is missing": "DELETE FROM user_activity WHERE user_id = 'alice'",
    "another price": "UPDATE call_cost_events SET cost_nano = cost_nano + 1 WHERE service = 'twilio' AND estimated",
}  # fmt: skip


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING.keys())
async def test_verify_detects_each_changed_value(
    database_url: str, recorded: list[Plain], statement: str
) -> None:
    await fetch(database_url, statement)
    found = await verify(database_url)
    assert found.differences > 0
    assert len(found.lines) == min(found.differences, 20)
    assert all(found.lines)


UNMATCHED_VOIDS = f"""UPDATE calls SET pending_voids = '["{identity_of(SOURCE, "yet to come")}"]' WHERE user_id IS NOT NULL"""
"""A call whose cost arrives after the damage, and must count."""


@pytest.mark.parametrize(
    "damage",
    [
        "TRUNCATE user_days, user_day_costs",
        "DELETE FROM calls WHERE user_id IS NOT NULL",
        "TRUNCATE everyone_days, everyone_day_costs, user_activity",
        "UPDATE everyone_day_costs SET cost_nano = 1",
        "UPDATE period_sums SET cost_nanos = '{}', services = '{}', calls = 0",
        "UPDATE calls SET costs = '{}', charges = '{}', status = 'active' WHERE user_id IS NOT NULL",
        'UPDATE calls SET tags = \'{"team": "red"}\', tagged_by = NULL WHERE user_id IS NOT NULL',
        "INSERT INTO calls (call_id, user_id, first_at, updated_at) VALUES ('ghost', 'a', now(), now())",
        UNMATCHED_VOIDS,
    ],
    ids=[
        "days are gone",
        "calls are gone",
        "everyone is gone",
        "everyone is wrong",
        "periods are wrong",
        "calls are wrong",
        "tags are wrong",
        "a call without events",
        "pending voids without events",
    ],
)
async def test_rebuilt_totals_are_exact_and_accept_new_events(
    database_url: str, recorded: list[Plain], damage: str
) -> None:
    late = voided(cost("call-1", id="to come", time=NOW), "call-1", time=NOW)
    more = [
        cost("call-1", id="to come", time=NOW),
        cost("call-2", "bob", id="yet to come", time=YESTERDAY),
        started("call-held", "carol", time=NOW),
        charged("call-2", "bob", time=NOW),
    ]
    log = TopicLog()
    async with BatchWriter(database_url) as batch_writer:
        await batch_writer.record(log.batch([late]))  # held until a cost arrives after the damage
        await fetch(database_url, damage)
        assert (await verify(database_url)).differences > 0
        assert await rebuild(database_url) == 2
        assert (await verify(database_url)).differences == 0
        assert await read_totals(database_url) == expect([*recorded, late]).totals
        await batch_writer.record(log.batch(more))
    assert await read_totals(database_url) == expect([*recorded, late, *more]).totals
    assert (await verify(database_url)).differences == 0


async def test_rebuild_waits_for_locked_calls(database_url: str, recorded: list[Plain]) -> None:
    """Repricing locks calls in the same way, chunk by chunk."""
    del recorded
    async with connected(database_url, name="test") as writer, writer.transaction():
        await writer.execute("SELECT FROM calls WHERE call_id = 'call-1' FOR NO KEY UPDATE")
        rebuilding = asyncio.create_task(rebuild(database_url))
        await until_blocked(database_url)
        await writer.execute("UPDATE calls SET version = version + 1 WHERE call_id = 'call-1'")
    assert await rebuilding == 2
    assert (await verify(database_url)).differences == 0


async def test_rebuild_of_an_empty_ledger_changes_nothing(database_url: str) -> None:
    assert await rebuild(database_url) == 0
    assert await read_totals(database_url) == Totals()
