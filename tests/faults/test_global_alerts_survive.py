"""Budgets of all users while the deciding worker is killed: each alert exists once, and in time.

First each of some charges reaches one threshold, which shows the time from the commit to the alert.
Then decisions are slow, so that the worker that decides can be killed in the middle of one.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from ledger.budgets.budgets import Budgets
from ledger.budgets.scoped import SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.viewers import Viewer, reader_pool
from schemas.alerts import AlertType
from schemas.topics import BUDGET_ALERTS
from tests.support.alerting import USD, AlertKey, alert_rows
from tests.support.events import Plain, charged, cost
from tests.support.expected import expect
from tests.support.fault_load import USER, FaultLoad
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.logins import as_login
from tests.support.recording import assert_verified, fetch, until
from tests.support.sockets import owner_of_port
from tests.support.streaming import Pipeline
from tests.support.totals import Totals, read_totals
from tests.support.worker_process import WorkerProcess

EVENTS = 3_000
WORKERS = 3
KILLS = 6
SEND_SECONDS = 12
SECONDS_MAX = 300
THRESHOLDS = tuple(Decimal(percent) for percent in range(5, 101, 5))
PROBE_USD = 50
BUDGETS: tuple[tuple[SpendScope, AlertType, int], ...] = (
    (SpendScope("all", ""), "daily", PROBE_USD * len(THRESHOLDS) * USD),
    (SpendScope("service", "vultr"), "daily", 11 * USD),
    (SpendScope("service", "raindrop"), "weekly", 25 * USD),
    (SpendScope("service", "vercel"), "monthly", 13 * USD),
    (SpendScope("tag.customer", "acme"), "daily", 4 * USD),
)
"""The shares of vultr, raindrop and vercel are 0.01, 0.02 and 0.005 USD a call."""
TAG = {"tags": {"customer": "acme"}}
SLOW_DECISIONS = (
    """CREATE FUNCTION slow_decision() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN
           PERFORM pg_advisory_xact_lock(991, inet_client_port()), pg_sleep(0.2);
           RETURN NEW;
       END $$""",
    """CREATE TRIGGER slow_decision BEFORE INSERT ON budget_alerts
       FOR EACH ROW EXECUTE FUNCTION slow_decision()""",
)
DECIDING = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = 991"
"""The port of the connection that decides."""


@pytest.mark.timeout(SECONDS_MAX)
async def test_alerts_of_all_users_exist_once_though_the_deciding_worker_is_killed(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    url = pipeline.database_url
    ids = await _create_budgets(url)
    load = FaultLoad(pipeline, EVENTS)
    _add_tags(load)
    workers = [WorkerProcess(pipeline, tmp_path / str(n), batch_max=100) for n in range(WORKERS)]
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        probes = await _probe(pipeline)
        for statement in SLOW_DECISIONS:
            await fetch(url, statement)
        sending = asyncio.create_task(load.send(SEND_SECONDS))
        events = [*probes, *load.events]
        expected_keys = _expected_alerts(events, ids)
        kills = await _kill_deciding(pipeline, workers, expected_keys)
        await sending
        await until(lambda: _is_complete(pipeline, load, expected_keys), 120)
    finally:
        for worker in workers:
            worker.abandon()
    expected, totals = expect(events).totals, await read_totals(url)
    found = [key for key, _ in await alert_rows(url)]
    published = [json.loads(record.value) for record in await pipeline.read_all(BUDGET_ALERTS.name)]
    p50, p99 = await _latencies(url, published)
    record_fault(
        f"deciding worker of {WORKERS} killed {kills} times, alerts of all users, {pipeline.broker};"
        f" commit to publication without kills: p50 {p50} ms, p99 {p99} ms",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
        alerts=AlertFigures.of(expected_keys, found),
    )
    assert kills
    assert {one["id"] for one in published} == await _alert_ids(url)
    assert not any(late for _, late in await alert_rows(url))
    assert await _tag_nano(url) == sum(nano for _, nano in _spend_by_day(expected, BUDGETS[-1][0]))
    assert totals == expected
    await assert_verified(url)


async def _create_budgets(database_url: str) -> list[str]:
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        statuses = [
            await budgets.create(
                Viewer("root", reads_all=True), "",
                BudgetSettings(scope, period, nano, THRESHOLDS, False, None), datetime.now(UTC),
            )
            for scope, period, nano in BUDGETS
        ]  # fmt: skip
    return [status.budget.budget_id for status in statuses]


def _add_tags(load: FaultLoad) -> None:
    """Give a third of the calls a tag with their charge, and a third in an event of its own."""
    calls = {event["data"]["callId"]: event for event in load.events}
    late = []
    for number, (call, event) in enumerate(sorted(calls.items())):
        if number % 3 == 0:
            event["data"] |= TAG
        elif number % 3 == 1:
            late.append(cost(call, USER, time=event["time"], totalCost=0, **TAG))
    load.events += late
    Random(7).shuffle(load.events)


async def _probe(pipeline: Pipeline) -> list[Plain]:
    """Charge users, each after the alert of the one before; returns the charges."""
    events = []
    for number in range(len(THRESHOLDS)):
        name = f"probe-{number}"
        probe = charged(name, f"user-{number}", time=datetime.now(UTC), amount=PROBE_USD, fee=0)
        events.append(probe)
        await pipeline.send([probe])

        async def is_raised(alerts: int = number + 1) -> bool:
            return len(await _alert_ids(pipeline.database_url)) >= alerts

        await until(is_raised, 60)
    return events


async def _kill_deciding(
    pipeline: Pipeline, workers: Sequence[WorkerProcess], expected: set[AlertKey]
) -> int:
    """Kill the worker that is in the middle of a decision, and start it again, every time."""
    kills = 0
    while kills < KILLS and len(await _alert_ids(pipeline.database_url)) < len(expected):
        for row in await fetch(pipeline.database_url, DECIDING):
            pid = owner_of_port(row[0], [worker.pid for worker in workers])
            for worker in workers:
                if worker.pid == pid:
                    worker.kill()
                    worker.start()
                    kills += 1
                    break
        await asyncio.sleep(0.05)
    return kills


def _expected_alerts(events: Sequence[Plain], ids: Sequence[str]) -> set[AlertKey]:
    """Return an alert for each threshold that the final spend of a present period reaches."""
    totals, now = expect(events).totals, datetime.now(UTC)
    forms = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m"}
    keys = set()
    for version, (key, (scope, period, nano)) in enumerate(zip(ids, BUDGETS, strict=True), 1):
        form = forms[period]
        days = _spend_by_day(totals, scope)
        present = [
            spent
            for day, spent in days
            if datetime.fromisoformat(day).strftime(form) == now.strftime(form)
        ]
        keys |= {
            AlertKey("", period, f"{key} {now.strftime(form)}", Fraction(percent), version)
            for percent in THRESHOLDS
            if sum(present) * 100 >= percent * nano
        }
    return keys


def _spend_by_day(totals: Totals, scope: SpendScope) -> list[tuple[str, int]]:
    """Return what a scope adds to UTC days, by the plain definition."""
    if scope.dimension == "all":
        return [(row[1], sums[2] - sums[3]) for row, sums in totals.user_days.items()]
    if scope.dimension == "service":
        costs = totals.user_day_costs.items()
        return [(day, nano) for (_, day, _, service), nano in costs if service == scope.value]
    return [
        (day, plus - minus)
        for call in totals.calls.values()
        if call.tags.get("customer") == scope.value
        for day, (plus, minus) in call.charges.items()
    ]


async def _tag_nano(database_url: str) -> int:
    query = "SELECT coalesce(sum(charged_nano - refunded_nano), 0)::bigint FROM tag_days"
    return int((await fetch(database_url, query))[0][0])


async def _is_complete(pipeline: Pipeline, load: FaultLoad, expected: set[AlertKey]) -> bool:
    alerts = await _alert_ids(pipeline.database_url)
    counted = await load.recorded() >= load.different + len(THRESHOLDS)
    return counted and len(alerts) >= len(expected) and not await _outboxes(pipeline.database_url)


async def _outboxes(database_url: str) -> int:
    query = """SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM totals_outbox)
                    + (SELECT count(*) FROM changed_calls)"""
    return int((await fetch(database_url, query))[0][0])


async def _alert_ids(database_url: str) -> set[str]:
    return {row[0] for row in await fetch(database_url, "SELECT alert_id::text FROM budget_alerts")}


async def _latencies(database_url: str, published: Sequence[Plain]) -> tuple[int, int]:
    """Return median and 99th percentile from the commits of the probes to their alerts."""
    query = "SELECT recorded_at FROM call_cost_events WHERE call_id LIKE 'probe-%' AND type = 'call.charged'"
    commits = sorted(row[0] for row in await fetch(database_url, query))
    alerts = sorted(
        datetime.fromisoformat(one["data"]["publishedAt"])
        for one in published if one["data"]["scope"]["kind"] == "all"
    )  # fmt: skip
    spans = sorted((alert - commit) for commit, alert in zip(commits, alerts, strict=True))
    ms = [round(span.total_seconds() * 1000) for span in spans]
    return ms[len(ms) // 2], ms[len(ms) * 99 // 100]
