"""Budgets of an erased user keep their calls, and name the user nowhere."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.scoped import Raise, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.budgets.tag_totals import sum_tags
from ledger.postgres.database import connected
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.alerting import USD
from tests.support.archives import NOW
from tests.support.events import charged, cost, ended, refunded, started
from tests.support.logins import as_login
from tests.support.personal_data import IDENTITY, erased, places_in_database
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until

TAG = f"for {IDENTITY}"
SCOPES = (SpendScope("user", ""), SpendScope("persona", "sales"), SpendScope("tag.customer", TAG))


async def test_budgets_on_a_tag_with_the_identity_follow_its_calls(database_url: str) -> None:
    log = TopicLog()
    call: dict[str, Any] = {"call": "c", "user": IDENTITY, "time": NOW}
    tags = {"customer": TAG}
    async with (
        reader_pool(as_login(database_url, "api"), connections_max=1) as readers,
        BatchWriter(database_url) as writer,
    ):
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        raised = Raise(9 * USD, NOW + timedelta(days=1))
        for scope in SCOPES:
            for period in ("weekly", "call"):
                wanted = BudgetSettings(scope, period, USD, (Decimal(50),), True, raised)
                await budgets.create(Viewer(IDENTITY), IDENTITY, wanted, NOW)
        first = [started(**call, persona="sales", tags=tags), cost(**call, totalCost=20)]
        untagged = cost("e", IDENTITY, time=NOW)
        await writer.record(log.batch([*first, charged(**call), refunded(**call), untagged]))
        assert await fetch(database_url, "SELECT FROM budget_alerts")
        assert await fetch(database_url, "SELECT FROM call_commands")
        receipt = await erased(database_url)
        assert receipt.rows["scope_spend"] == 2
        assert await places_in_database(database_url) == []
        await assert_verified(database_url)
        late = [
            cost(**call, totalCost=3, tags=tags),
            ended(**call),
            charged(**{**call, "call": "d"}),
        ]
        await writer.record(log.batch([*late, started(**{**call, "call": "d"}, tags=tags)]))
        assert not writer.letters
        await assert_verified(database_url)
        assert await places_in_database(database_url) == []
        of_tag = await fetch(
            database_url,
            "SELECT sum(charged_nano), sum(cost_nano) > 23e9 FROM scope_spend WHERE value LIKE 'for %'",
        )
        assert [tuple(row) for row in of_tag] == [(2 * 4_990_000_000, True)]


async def test_budget_of_all_users_on_a_tag_with_the_identity_counts_what_keeps_the_tag(
    database_url: str,
) -> None:
    """The calls of other users keep the tag, so only those of the erased user are counted."""
    log, tags = TopicLog(), {"customer": TAG}
    call: dict[str, Any] = {"call": "c", "user": IDENTITY, "time": NOW}
    async with (
        reader_pool(as_login(database_url, "api"), connections_max=1) as readers,
        connected(as_login(database_url, "worker"), name="test") as worker,
        BatchWriter(database_url) as writer,
    ):
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        root = Viewer("root", reads_all=True)

        async def is_summed() -> bool:
            return await sum_tags(worker, NOW)

        wanted = BudgetSettings(SCOPES[2], "weekly", USD, (Decimal(50),), False, None)
        await budgets.create(root, "", wanted, NOW)
        await until(is_summed)
        other = {**call, "call": "d", "user": "bob"}
        new = [started(**call, tags=tags), charged(**call), started(**other, tags=tags)]
        await writer.record(log.batch([*new, charged(**other)]))
        assert await review_global_budgets(worker, Alerting(), NOW) == 2
        [before] = await budgets.read(root, "", NOW)
        assert before.spend_nano == 2 * 4_990_000_000
        receipt = await erased(database_url)
        assert receipt.rows["tag_scopes"] == 1
        of_bob = "SELECT FROM calls WHERE user_id = 'bob' AND tags ->> 'customer' = $1"
        assert await fetch(database_url, of_bob, TAG)
        await until(is_summed)
        [after] = await budgets.read(root, "", NOW)
        assert after.budget.value not in {"", TAG}
        assert after.spend_nano == 4_990_000_000
        await writer.record(log.batch([charged(**{**call, "call": "e"}, tags=tags)]))
        await review_global_budgets(worker, Alerting(), NOW + timedelta(seconds=1))
        [late] = await budgets.read(root, "", NOW)
        assert late.spend_nano == 2 * 4_990_000_000
        await assert_verified(database_url)
        await fetch(database_url, "DELETE FROM calls WHERE user_id = 'bob'")
        await fetch(database_url, "DELETE FROM call_cost_events WHERE user_id = 'bob'")
        assert await places_in_database(database_url) == []
