"""Totals of tags over all users: none is lost while they begin, and none is kept without a budget."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from ledger.budgets import tag_totals
from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.scoped import SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.budgets.tag_totals import sum_tags, summed_tags
from ledger.operations.verification import rebuild, verify
from ledger.postgres.database import Connection, connected
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.alerting import USD, just_now
from tests.support.events import Plain, charged, cost, ended, refunded
from tests.support.expected import expect
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until

ACME = SpendScope("tag.customer", "acme")
ROOT = Viewer("root", reads_all=True)
WRITERS, BATCHES, CALLS = 4, 12, 5


@pytest.fixture
async def budgets(database_url: str) -> AsyncIterator[ScopedBudgets]:
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        yield ScopedBudgets(Budgets(readers, "charged", 80))


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Connection]:
    async with connected(as_login(database_url, "worker"), name="test") as connection:
        yield connection


async def create(budgets: ScopedBudgets, scope: SpendScope = ACME) -> str:
    """Create a budget of a day, and return its id."""
    wanted = BudgetSettings(scope, "daily", 10_000 * USD, None, False, None)
    return (await budgets.create(ROOT, "", wanted, just_now())).budget.budget_id


async def spends(budgets: ScopedBudgets) -> list[int | None]:
    return [status.spend_nano for status in await budgets.read(ROOT, "", just_now())]


async def sum_all(worker: Connection) -> None:
    """Sum calls as a worker does, until nothing is left."""

    async def is_done() -> bool:
        return await sum_tags(worker, just_now())

    await until(is_done, 60)


async def review(worker: Connection, now: datetime | None = None) -> int | None:
    """Decide global budgets as a worker does, however soon after the last time."""
    await worker.execute("UPDATE user_budget_settings SET reviewed_at = null WHERE user_id = ''")
    return await review_global_budgets(worker, Alerting(), now or just_now())


async def record(database_url: str, *events: Plain) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


def charge(call: str, amount: float, tag: str | None = "acme", user: str = "alice") -> list[Plain]:
    tags = {} if tag is None else {"tags": {"customer": tag}}
    now = just_now()
    return [
        cost(call, user, time=now, totalCost=0, **tags),
        charged(call, user, time=now, amount=amount, fee=0),
    ]


def acme_nano(events: list[Plain]) -> int:
    """Return what the calls of acme are charged, by the plain definition."""
    calls = expect(events).totals.calls.values()
    mine = [call for call in calls if call.tags.get("customer") == "acme"]
    return sum(plus - minus for call in mine for plus, minus in call.charges.values())


async def test_total_of_a_tag_follows_late_tags_and_refunds(
    database_url: str, budgets: ScopedBudgets, worker: Connection
) -> None:
    now = just_now()
    await record(database_url, *charge("one", 3), *charge("two", 4, None, "bob"))
    await create(budgets)
    assert await spends(budgets) == [None]
    await sum_all(worker)
    assert await spends(budgets) == [3 * USD]
    await record(database_url, ended("two", "bob", time=now, tags={"customer": "acme"}))
    await review(worker)
    assert await spends(budgets) == [7 * USD]
    await record(database_url, refunded("one", time=just_now(), amount=1))
    earlier = now - timedelta(seconds=1)
    await record(database_url, cost("two", "bob", time=earlier, tags={"customer": "other"}))
    await review(worker)
    assert await spends(budgets) == [2 * USD]
    await assert_verified(database_url)


async def test_budget_created_under_concurrent_writes_loses_no_call(
    database_url: str,
    budgets: ScopedBudgets,
    worker: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tag_totals, "CALLS_AT_ONCE", 7)
    events: list[Plain] = []
    written = asyncio.Semaphore(0)

    async def write(number: int) -> None:
        async with BatchWriter(database_url) as writer:
            log = TopicLog()
            for batch in range(BATCHES):
                new: list[Plain] = []
                for place in range(CALLS):
                    call = f"{place}-{number}-{batch if place else 'each'}"
                    tag = ("acme", "other", "acme", None, "acme")[(place + batch) % 5]
                    new += charge(call, 1 + place, tag, f"user-{number}")
                events.extend(new)
                await writer.record(log.batch(new))
                written.release()

    async def begin() -> None:
        for _ in range(WRITERS * 2):
            await written.acquire()
        await create(budgets)
        while not writing.done():
            await sum_tags(worker, just_now())
            await review(worker)

    writing = asyncio.gather(*(write(number) for number in range(WRITERS)))
    await asyncio.gather(writing, begin())
    await sum_all(worker)
    await review(worker)
    [counted], expected = await spends(budgets), acme_nano(events)
    assert counted is not None
    with capsys.disabled():
        sys.stdout.write(
            f"\n  charges of a tag, budget created meanwhile: sent {expected},"
            f" counted {counted}, difference {expected - counted} nano-dollars\n"
        )
    assert counted == expected
    await assert_verified(database_url)
    assert await fetch(database_url, "SELECT FROM changed_calls") == []


async def test_calls_are_read_after_transactions_that_did_not_see_the_budget(
    database_url: str, budgets: ScopedBudgets, worker: Connection
) -> None:
    """A batch has looked for tags with a budget, finds none, and commits late."""
    statements = (
        """CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_advisory_xact_lock_shared(992); RETURN NULL; END $$""",
        """CREATE TRIGGER z_hold_back AFTER INSERT ON totals_outbox
           FOR EACH ROW EXECUTE FUNCTION hold_back()""",
    )
    for statement in statements:
        await fetch(database_url, statement)
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 992 AND NOT granted"

    async def is_held_back() -> bool:
        return bool(await fetch(database_url, waiting))

    async with connected(database_url, name="test") as holder:
        async with holder.transaction():
            await holder.execute("SELECT pg_advisory_xact_lock(992)")
            batch = asyncio.create_task(record(database_url, *charge("one", 3)))
            await until(is_held_back)
            await create(budgets)
            for _ in range(5):
                assert not await sum_tags(worker, just_now())
            assert await summed_tags(worker) == set()
        await batch
    await sum_all(worker)
    assert await fetch(database_url, "SELECT FROM changed_calls") == []
    assert await spends(budgets) == [3 * USD]
    await assert_verified(database_url)


async def test_verify_finds_a_false_total_and_a_rebuild_sums_again(
    database_url: str, budgets: ScopedBudgets, worker: Connection
) -> None:
    await record(database_url, *charge("one", 3), *charge("two", 4, user="bob"))
    await create(budgets)
    await sum_all(worker)
    faults = (
        ("UPDATE tag_days SET charged_nano = charged_nano + 1", 1),
        ("UPDATE tag_call_days SET charged_nano = charged_nano + 1 WHERE call_id = 'one'", 1),
        ("DELETE FROM tag_call_days WHERE call_id = 'two'", 3),
    )
    for fault, differences in faults:
        await fetch(database_url, fault)
        found = await verify(database_url)
        assert found.differences >= differences
        assert any("customer acme" in line for line in found.lines)
    await rebuild(database_url)
    assert await spends(budgets) == [None]
    await sum_all(worker)
    await assert_verified(database_url)
    assert await spends(budgets) == [7 * USD]
    assert len(await fetch(database_url, "SELECT FROM tag_scopes")) == 1


async def test_nothing_is_kept_without_a_budget_of_the_tag(
    database_url: str, budgets: ScopedBudgets, worker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_totals, "ROWS_AT_ONCE", 2)
    await create(budgets, SpendScope("all", ""))
    await record(database_url, *(event for n in range(5) for event in charge(f"call-{n}", 1)))
    tables = ("changed_calls", "tag_scopes", "tag_call_days", "tag_days")
    for table in tables:
        assert await fetch(database_url, f"SELECT FROM {table}") == []
    ids = [await create(budgets) for _ in range(2)]
    await sum_all(worker)
    assert await spends(budgets) == [5 * USD] * 3
    await budgets.delete(ROOT, "", ids[0], just_now())
    await sum_all(worker)
    assert len(await fetch(database_url, "SELECT FROM tag_call_days")) == 5
    await record(database_url, *charge("call-9", 1))
    await budgets.delete(ROOT, "", ids[1], just_now())
    await sum_all(worker)
    for table in tables:
        assert await fetch(database_url, f"SELECT FROM {table}") == []


async def test_days_that_no_event_can_change_are_forgotten(
    database_url: str, budgets: ScopedBudgets, worker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_totals, "ROWS_AT_ONCE", 2)
    await record(database_url, *(event for n in range(5) for event in charge(f"call-{n}", 1)))
    await create(budgets)
    await sum_all(worker)
    later = just_now() + timedelta(days=500)

    async def is_done() -> bool:
        return await sum_tags(worker, later)

    await until(is_done)
    for table in ("tag_call_days", "tag_days"):
        assert await fetch(database_url, f"SELECT FROM {table}") == []
    await record(database_url, refunded("call-1", time=just_now(), amount=1))
    await review(worker, later)
    await assert_verified(database_url)
    assert await fetch(database_url, "SELECT FROM tag_days") == []


async def test_only_viewers_of_all_users_see_totals_of_tags(
    database_url: str, budgets: ScopedBudgets, worker: Connection
) -> None:
    await record(database_url, *charge("one", 3))
    await create(budgets)
    await sum_all(worker)
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        for table in ("tag_scopes", "tag_days"):
            for viewer, rows in ((ROOT, 1), (Viewer("alice"), 0), (Viewer(""), 0)):
                async with readers.reading(viewer) as connection:
                    assert len(await connection.fetch(f"SELECT FROM {table}")) == rows
