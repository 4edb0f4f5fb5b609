"""Gives the demo user a budget, so that bars fill and alerts fire in the first minutes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cost_analytics.configuration.tree import Settings
from cost_analytics.simulation.cast import DEMO_USER
from ledger.limits import Change
from ledger.store.budgets import Budgets
from ledger.store.reading import Viewer, reader_pool
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT
from schemas.money import nano_from_usd

_FIRST: Final = Change(
    daily_limit=(True, nano_from_usd(50)),
    monthly_limit=(True, nano_from_usd(500)),
    call_limit=(True, nano_from_usd(2)),
    thresholds=(Decimal(25), Decimal(50)),
)


async def give_budget(settings: Settings) -> None:
    """Set limits for the demo user, who has never had any; later changes are left alone."""
    demo, now = Viewer(DEMO_USER), datetime.now(UTC)
    async with reader_pool(settings.database_url.reveal(), connections_most=1) as readers:
        budgets = Budgets(readers, settings.budget_basis, DEFAULT_ALERT_THRESHOLD_PERCENT)
        limits = (await budgets.standing(demo, DEMO_USER, now)).limits
        if not (limits.daily_version or limits.monthly_version or limits.call_version):
            await budgets.change(demo, DEMO_USER, _FIRST, now)
