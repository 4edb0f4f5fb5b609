"""Five budgets on scopes for each user of the load, high enough that none is reached."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from bench.databases import as_login, open_database
from bench.events import PERSONAS, user_ids
from ledger.budgets.budgets import Budgets
from ledger.budgets.scoped import WHOLE_USER, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.viewer import Viewer
from ledger.postgres.viewers import reader_pool
from schemas.alerts import AlertType

_LIMIT_NANO: Final = 10**15
_PERIODS: Final[tuple[AlertType, ...]] = ("daily", "weekly", "monthly", "call")

_COPY: Final = """
INSERT INTO user_budget_settings
SELECT (jsonb_populate_record(s, jsonb_build_object('user_id', others.user_id))).*
FROM user_budget_settings AS s, unnest($2::text[]) AS others (user_id)
WHERE s.user_id = $1
"""


async def create_budgets(database_url: str) -> None:
    """Create the budgets of the first user as the API does, and copy its settings to all others."""
    first, *others = user_ids()
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        for scope, period in _wanted():
            wanted = BudgetSettings(scope, period, _LIMIT_NANO, None, True, None)
            await budgets.create(Viewer(first), first, wanted, datetime.now(UTC))
    async with open_database(database_url) as connection:
        await connection.execute(_COPY, first, others)


def _wanted() -> list[tuple[SpendScope, AlertType]]:
    personas = [SpendScope("persona", persona) for persona in PERSONAS]
    return [(SpendScope(WHOLE_USER, ""), "weekly"), *zip(personas, _PERIODS, strict=True)]
