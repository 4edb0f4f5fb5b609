"""Budgets of an erased user keep their calls, and name the user nowhere."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from ledger.budgets.budgets import Budgets
from ledger.budgets.scoped import Raise, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.alerting import USD
from tests.support.archives import NOW
from tests.support.events import charged, cost, ended, refunded, started
from tests.support.logins import as_login
from tests.support.personal_data import IDENTITY, erased, places_in_database
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

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
