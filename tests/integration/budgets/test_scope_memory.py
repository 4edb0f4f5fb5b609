"""Creating a budget on a persona reads its calls with constant memory."""

import tracemalloc

from ledger.budgets.budgets import Budgets
from ledger.budgets.scope_rows import CALLS_AT_ONCE
from ledger.budgets.scoped import SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support import parts
from tests.support.alerting import USD, just_now
from tests.support.events import charged, ended, started
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, fetch

FEWER, MORE = 3 * CALLS_AT_ONCE, 9 * CALLS_AT_ONCE
COLUMNS = (
    "user_id, persona_id, status, first_at, started_at, ended_at, costs, charges, infrastructure,"
    " default_charge_nano, default_fee_nano, updated_at"
)


async def test_memory_does_not_grow_with_the_calls_of_a_persona(database_url: str) -> None:
    now = just_now()
    async with BatchWriter(database_url) as writer:
        call = [started(time=now), charged(time=now), ended(time=now)]
        await writer.record(TopicLog().batch(call))
    peaks: list[int] = []
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        for count in (FEWER, MORE):
            copy = f"""INSERT INTO calls (call_id, {COLUMNS}) SELECT 'copy-' || n, {COLUMNS}
                       FROM calls, generate_series($1::integer, $2) AS n WHERE call_id = 'call-1'
                       ON CONFLICT DO NOTHING"""
            await fetch(database_url, copy, 1, count)
            wanted = BudgetSettings(
                SpendScope("persona", "brad_001"), "weekly", USD, None, True, None
            )
            tracemalloc.start()
            created = await budgets.create(Viewer("alice"), "alice", wanted, now)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert await budgets.delete(Viewer("alice"), "alice", created.budget.budget_id, now)
    parts.figures.append(
        f"budget on a persona: at most {peaks[0]:,} bytes for {FEWER:,} calls, "
        f"{peaks[1]:,} for {MORE:,}"
    )
    assert peaks[1] < peaks[0] * 3 // 2
