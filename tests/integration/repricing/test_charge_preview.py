"""The preview of a repricing shows the charges that follow the costs, exactly as they become."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.budgets.alerting import Alerting
from ledger.operations.verification import verify
from ledger.prices.increments import Increments
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.alerting import USD, change, raised_alerts
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.command import run_command
from tests.support.events import cost, ended
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
ALL = RepricingScope(NOW - timedelta(days=1), NOW + timedelta(minutes=1))
SHARES = 35_000_000  # of infrastructure


@pytest.fixture
async def recorded(database_url: str) -> str:
    """Three calls at double their cost, each of 61 seconds that are billed as two minutes."""
    await enter_plans(database_url, SamplePlan("cost_plus", user="alice", markup="100"))
    minutes = Increments(60, 60)
    await add(database_url, a_price("vendor", "0.5", NOW - timedelta(days=9), increments=minutes))
    events = []
    for number in range(3):
        where: dict[str, Any] = {"call": f"call-{number}", "user": "alice", "time": NOW}
        talk = {"service": "vendor", "operation": "talk", "unit": "seconds"}
        events += [cost(**where, **talk, usage=60), cost(**where, **talk, usage=1), ended(**where)]
    events += [
        cost("fixed", "bob", time=NOW, service="vendor", operation="talk", usage=1, unit="minutes"),
        ended("fixed", "bob", time=NOW),
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    assert await charges(database_url, "alice") == 3 * 2 * (USD + SHARES)
    await add(database_url, a_price("vendor", "1", NOW - timedelta(days=8), increments=minutes))
    return database_url


async def charges(database_url: str, user: str) -> int:
    query = "SELECT sum(charged_nano) FROM user_days WHERE user_id = $1"
    return int((await fetch(database_url, query, user))[0][0])


@pytest.mark.parametrize("follows", [False, True])
async def test_previewed_charges_and_alerts_are_those_of_the_correction(
    recorded: str, follows: bool
) -> None:
    await change(recorded, "alice", daily_limit=(True, 10 * USD))
    before = await charges(recorded, "alice"), await raised_alerts(recorded)
    repricer = Repricer(recorded)
    report = await repricer.preview(ALL, changes_charges=follows)
    expected = 3 if follows else 0
    assert report.charges.calls == len(report.first_charges) == expected
    assert report.charges.difference_nano == expected * 2 * 2 * USD - expected * 2 * USD
    assert {one.call_id for one in report.first_charges} == {
        f"call-{number}" for number in range(expected)
    }
    assert {one.difference_nano for one in report.first_charges} <= {2 * USD}

    spent = "SELECT sum(cost_nano) FROM user_day_costs"
    cost_nano = (await fetch(recorded, spent))[0][0]
    applied = await repricer.apply(ALL, changes_charges=follows)
    assert await charges(recorded, "alice") - before[0] == report.charges.difference_nano
    assert (await fetch(recorded, spent))[0][0] - cost_nano == report.total.difference_nano
    raised = {key for key in await raised_alerts(recorded) if key not in before[1]}
    assert applied.alerts == report.alerts == len(raised) == (2 if follows else 0)
    await assert_verified(recorded)


async def test_command_prints_the_charges_before_it_changes_them(
    recorded: str, tmp_path: Path
) -> None:
    values = {"DATABASE_URL": recorded}

    async def run(*words: str) -> str:
        words = ("prices", "rerate", "--from", (NOW - timedelta(days=1)).isoformat(), *words)
        done = await asyncio.to_thread(run_command, *words, values=values, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    assert "Charges that change: none." in await run("--dry-run")
    shown = await run("--charges", "--dry-run")
    assert "Charges that change: 3, from $6.21 to $12.21" in shown
    assert "  call-0 of alice: $2.07 to $4.07" in shown
    assert await charges(recorded, "alice") == 3 * 2 * (USD + SHARES)
    assert "Charges that change: 3, from $6.21 to $12.21" in await run("--charges")
    assert await charges(recorded, "alice") == 3 * 2 * (2 * USD + SHARES)


async def test_verify_finds_a_wrong_part_of_a_rounding_that_later_prices_added(
    recorded: str,
) -> None:
    await Repricer(recorded).apply(ALL)
    await assert_verified(recorded)
    rerated = "SELECT roundings #>> '{0,rerated}' FROM calls WHERE call_id = 'call-0'"
    assert (await fetch(recorded, rerated))[0][0] == "491666666"
    await fetch(
        recorded,
        "UPDATE calls SET roundings = jsonb_set(roundings, '{0,rerated}', '7') WHERE call_id = 'call-0';",
    )
    await fetch(
        recorded,
        "UPDATE call_cost_events SET data = jsonb_set(data::jsonb, '{roundings,0,rerated}', '7')"
        " WHERE type = 'call.settled' AND call_id = 'call-0'",
    )
    assert any("rounding" in line for line in (await verify(recorded)).lines)


async def test_preview_counts_the_first_price_of_an_estimate(database_url: str) -> None:
    """Its charge follows without being asked to: the price was not known."""
    await enter_plans(database_url, SamplePlan("cost_plus", user="alice", markup="100"))
    await add(database_url, a_price("vendor", "0.5", NOW - timedelta(days=9), model="estimate"))
    talk: dict[str, Any] = {"service": "vendor", "operation": "talk", "unit": "minutes"}
    async with BatchWriter(database_url, alerting=Alerting("charged")) as writer:
        await writer.record(
            TopicLog().batch(
                [
                    cost("call-1", "alice", time=NOW, **talk, usage=2),
                    ended("call-1", "alice", time=NOW),
                ]
            )
        )
    before = await charges(database_url, "alice")
    await add(database_url, a_price("vendor", "1", NOW - timedelta(days=8)))
    repricer = Repricer(database_url)
    report = await repricer.preview(ALL)
    assert (report.charges.calls, report.charges.difference_nano) == (1, 2 * USD)
    await repricer.apply(ALL)
    assert await charges(database_url, "alice") - before == 2 * USD
    await assert_verified(database_url)
