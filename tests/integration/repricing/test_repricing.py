"""Repricing: the preview agrees with the result, also by command; other writers may run."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger.budgets.alerting import Alerting
from ledger.postgres.database import connected
from ledger.repricing.applying import RepricingRefusedError
from ledger.repricing.repricer import Repricer, RepricingBusyError
from ledger.repricing.rows import RepricingScope, lock_repricing
from ledger.repricing.sums import margin
from schemas.events import RERATE_SOURCE
from schemas.identity import identity_of
from tests.support.alerting import USD, change, raised_alerts
from tests.support.command import run_command
from tests.support.events import charged, cost, ended, started, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_twilio, add, cost_nano

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
BEGIN = NOW - timedelta(days=90)
ALL = RepricingScope(BEGIN, NOW + timedelta(minutes=1))


async def record_calls(
    database_url: str, count: int = 10, user: str = "alice", basis: Any = "charged", **more: Any
) -> None:
    """Record calls of a user with a minute of telephony each, one a day, charged 4.99."""
    events = []
    for day in range(count):
        where: dict[str, Any] = {
            "call": f"{user}-{day}",
            "user": user,
            "time": NOW - timedelta(days=day),
        }
        events += [started(**where), cost(**where, **more), ended(**where), charged(**where, fee=0)]
    async with BatchWriter(database_url, alerting=Alerting(basis)) as writer:
        await writer.record(TopicLog().batch(events))


async def test_preview_agrees_with_the_result(database_url: str) -> None:
    await record_calls(database_url)
    await record_calls(database_url, 2, "bob")
    await add(database_url, a_twilio("0.114", NOW - timedelta(days=4)))
    repricer = Repricer(database_url)
    report = await repricer.preview(ALL)
    assert (report.total.costs, report.users) == (7, 2)
    assert report.total.before_nano == 7 * 14_000_000
    assert report.total.difference_nano == 7 * 100_000_000
    assert {name: one.costs for name, one in report.services.items()} == {"twilio": 7}
    assert len(report.days) == 5
    alice, bob = report.top_users
    assert (alice.user_id, alice.change.costs, bob.change.costs) == ("alice", 5, 2)
    assert bob.earnings.charged_nano == 2 * 4_990_000_000
    assert (margin(bob.earnings), margin(bob.earnings, bob.change)) == (
        "99.02%",
        "97.01%",
    )
    assert await cost_nano(database_url, "bob") == bob.earnings.cost_nano

    applied = await repricer.apply(ALL)
    assert applied == (7, 0, True)
    assert await cost_nano(database_url, "bob") == bob.earnings.cost_nano + 200_000_000
    await assert_verified(database_url)
    assert await repricer.apply(ALL) == (0, 0, True)
    assert (await repricer.preview(ALL)).total.costs == 0


async def test_margins_cover_the_requested_days(database_url: str) -> None:
    await record_calls(database_url, 3)
    await add(database_url, a_twilio("0.114", BEGIN))
    midnight = NOW.replace(hour=0, minute=0, second=0)
    report = await Repricer(database_url).preview(
        RepricingScope(midnight - timedelta(days=2), midnight)
    )
    assert (report.total.costs, list(report.days)) == (2, [
        f"{NOW - timedelta(days=2):%Y-%m-%d}", f"{NOW - timedelta(days=1):%Y-%m-%d}",
    ])  # fmt: skip
    assert (
        report.earnings.charged_nano
        == report.top_users[0].earnings.charged_nano
        == 2 * 4_990_000_000
    )


async def test_old_costs_stay_and_new_costs_name_them(database_url: str) -> None:
    metadata = {"sid": "CA1", "n": Decimal("1.50")}
    await record_calls(
        database_url, 1, metadata=metadata, model="premium", estimated=True, usage="2.5"
    )
    before = await fetch(database_url, "SELECT * FROM call_cost_events ORDER BY identity")
    await add(database_url, a_twilio("0.02", BEGIN))
    await Repricer(database_url).apply(ALL)
    rows = await fetch(database_url, "SELECT * FROM call_cost_events ORDER BY identity")
    assert [row for row in rows if row["source"] != RERATE_SOURCE] == before
    old = next(row for row in before if row["type"] == "cost.recorded")
    new = next(
        row for row in rows if row["source"] == RERATE_SOURCE and row["type"] == "cost.recorded"
    )
    same = ("time", "user_id", "call_id", "service", "operation", "operation_sent", "model",
            "usage", "unit", "estimated")  # fmt: skip
    assert [new[name] for name in same] == [old[name] for name in same]
    assert (old["cost_nano"], new["cost_nano"]) == (35_000_000, 50_000_000)
    assert new["event_id"] == f"{old['identity'].hex}/{new['price_id']}"
    assert '"n":1.50' in new["data"]
    assert json.loads(new["data"])["rerated"] == {
        "source": old["source"], "id": old["event_id"], "priceId": old["price_id"],
    }  # fmt: skip
    await add(database_url, a_twilio("0.03", BEGIN + timedelta(hours=1)))
    await Repricer(database_url).apply(ALL)
    newest = await fetch(
        database_url, "SELECT data FROM call_cost_events WHERE cost_nano = 75000000"
    )
    assert json.loads(newest[0][0])["rerated"] == json.loads(new["data"])["rerated"]
    await assert_verified(database_url)


async def test_costs_outside_the_scope_stay(database_url: str) -> None:
    await record_calls(database_url, 1, totalCost="0.5")
    await record_calls(database_url, 1, "bob")
    await add(database_url, a_twilio("0.014", BEGIN), a_twilio("0.5", NOW + timedelta(days=1)))
    report = await Repricer(database_url).preview(ALL)
    assert report.total.costs == 0
    await add(database_url, a_twilio("0.02", BEGIN + timedelta(days=1)))
    assert (await Repricer(database_url).preview(ALL)).total.costs == 1
    for scope in (ALL._replace(service="deepgram"), ALL._replace(until=NOW - timedelta(hours=1))):
        assert (await Repricer(database_url).preview(scope)).total.costs == 0


@pytest.mark.parametrize("basis", ["cost", "charged"])
async def test_previewed_alerts_are_the_raised_alerts(database_url: str, basis: Any) -> None:
    await change(
        database_url, "alice", basis, daily_limit=(True, USD), monthly_limit=(True, 90 * USD)
    )
    await change(database_url, "bob", basis, call_limit=(True, USD))
    for user in ("alice", "bob", "carol"):
        await record_calls(database_url, 3, user, basis)
    before = await raised_alerts(database_url)
    await add(database_url, a_twilio("0.85", BEGIN))
    repricer = Repricer(database_url, basis)
    report = await repricer.preview(ALL)
    previewed: set[tuple[str, str, str, Fraction, bool]] = {
        (
            due.position.user_id,
            due.position.limit.type,
            due.position.period,
            Fraction(due.percent),
            due.position.closed,
        )
        for due in report.first_alerts
    }
    assert report.alerts == len(previewed) >= (6 if basis == "cost" else 3)
    await repricer.apply(ALL)
    new = {
        key: late for key, late in (await raised_alerts(database_url)).items() if key not in before
    }
    assert {(*key[:4], late) for key, late in new.items()} == previewed
    await assert_verified(database_url)


async def test_repricing_is_exact_beside_running_workers(database_url: str) -> None:
    """Workers record new costs, and voids of costs that are being corrected."""
    await record_calls(database_url, 40)
    await add(database_url, a_twilio("1", BEGIN))
    originals = await fetch(
        database_url,
        "SELECT source, event_id, call_id FROM call_cost_events WHERE service = 'twilio'",
    )
    log = TopicLog()

    async def work() -> None:
        async with BatchWriter(database_url, alerting=Alerting("cost")) as writer:
            for source, event_id, call in originals[::2]:
                void = voided({"source": source, "id": event_id}, call, "alice", time=NOW)
                more = cost(call, "alice", time=NOW, totalCost="0.1")
                await writer.record(log.batch([void, more]))

    await asyncio.gather(Repricer(database_url).apply(ALL), work(), work())
    await assert_verified(database_url)
    query = "SELECT sum(cost_nano), count(*) FROM counted_costs WHERE price_id IS NOT NULL"
    assert tuple((await fetch(database_url, query))[0]) == (20 * 10**9, 20)


async def test_repricing_can_be_stopped_and_resumed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.repricing.repricer.CHUNK_COSTS", 3)
    await record_calls(database_url, 10)
    await add(database_url, a_twilio("1", BEGIN))
    repricer = Repricer(database_url)
    assert await repricer.apply(ALL, costs_max=4) == (4, 0, False)
    await assert_verified(database_url)
    stop = asyncio.Event()
    stopped = await repricer.apply(ALL, stop=stop, progress=lambda _: stop.set())
    assert (stopped.costs, stopped.complete) == (3, False)
    assert await repricer.apply(ALL) == (3, 0, True)
    await assert_verified(database_url)


async def test_one_repricing_runs_and_chunks_are_atomic(database_url: str) -> None:
    await record_calls(database_url, 2)
    await add(database_url, a_twilio("1000000", BEGIN), a_twilio("1", NOW - timedelta(hours=1)))
    async with connected(database_url, name="tests") as other:
        assert await lock_repricing(other)
        with pytest.raises(RepricingBusyError):
            await Repricer(database_url).apply(ALL)
    row = (
        await fetch(
            database_url,
            "SELECT identity FROM call_cost_events WHERE service = 'twilio' ORDER BY time LIMIT 1",
        )
    )[0]
    taken = identity_of(RERATE_SOURCE, f"{row['identity'].hex}/21")
    await fetch(database_url, "INSERT INTO event_identities VALUES ($1, 0)", taken)
    before = await fetch(database_url, "SELECT * FROM call_cost_events ORDER BY identity")
    with pytest.raises(RepricingRefusedError, match="id_conflict"):
        await Repricer(database_url).apply(ALL)
    assert await fetch(database_url, "SELECT * FROM call_cost_events ORDER BY identity") == before
    assert await fetch(database_url, "SELECT FROM dead_letters") == []


async def test_command_previews_and_applies(database_url: str, tmp_path: Path) -> None:
    await record_calls(database_url, 3)
    await add(database_url, a_twilio("0.114", BEGIN))
    values = {"DATABASE_URL": database_url}

    async def run(*words: str) -> Any:
        words = ("prices", "rerate", "--from", BEGIN.isoformat(), *words)
        return await asyncio.to_thread(run_command, *words, values=values, cwd=tmp_path)

    dry = await run("--dry-run")
    assert dry.returncode == 0
    assert "Costs to correct: 3; affected users: 1." in dry.stdout
    assert "alice      3  $0.042  $0.342       $0.30         99.02%        97.01%\n" in dry.stdout
    assert dry.stdout.endswith("No changes were made.\n")
    done = await run()
    assert "Corrected 3 costs;" in done.stdout
    assert (await run()).stdout.endswith("No costs to correct.\n")
    assert (await run("--to", "2020-01-01")).returncode == 2
    await assert_verified(database_url)
