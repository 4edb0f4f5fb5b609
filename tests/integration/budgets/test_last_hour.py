"""`spentLastHour` of global budgets is what the events of the last hour add, however they arrive."""

import json
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from asyncpg.connection import LoggedQuery

from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.scoped import SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.budgets.tag_totals import sum_tags
from ledger.calls.periods import quarter_of
from ledger.postgres.database import Connection, connected
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from schemas.alerts import SpendBasis
from tests.support.alerting import USD, just_now
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.logins import as_login
from tests.support.query_plans import plan_nodes
from tests.support.recording import BatchWriter, TopicLog, fetch, until

ROOT = Viewer("root", reads_all=True)
ALL, ACME = SpendScope("all", ""), SpendScope("tag.customer", "acme")
CALLS, BATCH = 40, 25
IDLE_USERS, BUSY_USERS = 200, 3
SPENT_SINCE = statements("budgets/everyone").statement("spent_since")
EXPECTED = """
    SELECT coalesce(sum(CASE WHEN $1 THEN p.cost_nano ELSE p.charged_nano - p.refunded_nano END), 0)::bigint
      FROM call_postings AS p LEFT JOIN call_tags AS t USING (call_id)
     WHERE p.at >= $2 AND ($3 = '' OR t.tags ->> 'customer' = $3)"""
"""By the events and the decisions that are recorded, not by any total."""


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Connection]:
    async with connected(as_login(database_url, "worker"), name="test") as connection:
        yield connection


def stream(rng: random.Random, now: datetime) -> list[Plain]:
    """Return the shuffled events of calls that began, and cost, up to four hours ago."""
    events: list[Plain] = []
    for number in range(CALLS):
        call, user = f"call-{number}", f"user-{number % 7}"
        begun = now - timedelta(minutes=rng.randrange(240))

        def at(begun: datetime = begun) -> datetime:
            return min(now, begun + timedelta(minutes=rng.randrange(150)))

        tags = {"customer": rng.choice(["acme", "other"])}
        events += [
            started(call, user, time=begun, tags=tags),
            cost(call, user, time=at(), totalCost=Decimal(rng.randrange(1, 900)) / 100),
            wrong := cost(call, user, time=at(), totalCost=3),
        ]
        if number % 3 == 0:
            events.append(voided(wrong, call, user, time=at()))
        if number % 4 == 0:
            events.append(ended(call, user, time=at()))
        elif number % 4 == 1:
            events.append(charged(call, user, time=at(), amount=rng.randrange(5, 20), fee=1))
            events.append(refunded(call, user, time=at(), amount=2))
    rng.shuffle(events)
    return events


async def recorded_nano(url: str, basis: SpendBasis, value: str, now: datetime) -> int:
    """Return the spend of the last hour of the calls with a tag, or of all calls."""
    since = quarter_of(now - timedelta(hours=1))
    [[nano]] = await fetch(url, EXPECTED, basis == "cost", since, value)
    return int(nano)


@pytest.mark.parametrize("basis", ["charged", "cost"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_last_hour_of_all_users_and_of_a_tag_is_that_of_the_events(
    database_url: str, worker: Connection, basis: SpendBasis, seed: int
) -> None:
    now = just_now()
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, basis, 80))
        for scope in (ALL, ACME):
            wanted = BudgetSettings(scope, "monthly", USD, None, False, None)
            await budgets.create(ROOT, "", wanted, now)
    events = stream(random.Random(seed), now)
    async with BatchWriter(database_url) as writer:
        log = TopicLog()
        for begin in range(0, len(events), BATCH):
            await writer.record(log.batch(events[begin : begin + BATCH]))

    async def is_summed() -> bool:
        return await sum_tags(worker, now)

    await until(is_summed, 60)
    await review_global_budgets(worker, Alerting(basis), now)
    alerts = await fetch(database_url, "SELECT data FROM budget_alerts WHERE user_id = ''")
    found = {}
    for [data] in alerts:
        alert = json.loads(data, parse_float=Decimal)
        found[alert["scope"]["value"] or ""] = alert["spentLastHour"] * USD
    expected = {
        value: await recorded_nano(database_url, basis, value, now) for value in ("", "acme")
    }
    assert found == expected
    assert 0 < expected["acme"] < expected[""]


async def test_last_hour_is_summed_once_and_only_from_users_of_the_day(
    database_url: str, worker: Connection
) -> None:
    now = just_now()
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, "cost", 80))
        wanted = BudgetSettings(ALL, "monthly", USD, None, False, None)
        await budgets.create(ROOT, "", wanted, now)
    long_ago = now - timedelta(days=3)
    idle = [cost(f"idle-{n}", f"idle-{n}", time=long_ago, totalCost=1) for n in range(IDLE_USERS)]
    busy = [cost(f"busy-{n}", f"busy-{n}", time=now, totalCost=1) for n in range(BUSY_USERS)]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(idle + busy))
    queries: list[LoggedQuery] = []
    with worker.query_logger(queries.append):
        await review_global_budgets(worker, Alerting("cost"), now)
    alerts = await fetch(database_url, "SELECT data FROM budget_alerts WHERE user_id = ''")
    spent = [json.loads(data, parse_float=Decimal)["spentLastHour"] * USD for [data] in alerts]
    assert spent == [await recorded_nano(database_url, "cost", "", now)] * 2
    assert spent[0] >= BUSY_USERS * USD
    [summing] = [query for query in queries if query.query == SPENT_SINCE.text]
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {summing.query}"
    [(plan,)] = await worker.fetch(explain, *summing.args)
    looked_up = [
        node["Actual Loops"]
        for node in plan_nodes(json.loads(plan)[0]["Plan"])
        if node.get("Relation Name") == "user_spend"
    ]
    assert max(looked_up) <= BUSY_USERS
