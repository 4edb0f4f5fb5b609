"""Gives the demo user a budget that fits the past which the first start gives (`_PAST`).

In that past the user has three to seven calls on a working day and one to three at weekends, most
of them charged 4.99 USD: about 20 USD a day and 530 USD a month. Late events count into their own
day and month and may raise alerts there, so half of a limit, the lowest threshold, lies above what
a past day or month comes to, and half of the cap of a call above what a call costs: the past raises
next to no alerts. On the first look the day and the month are partly full; the calls that go on
reach half of the day's limit within minutes, and one that is an anomaly reaches the cap.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cost_analytics.configuration.tree import Settings
from devkit.simulation.cast import DEMO_USER
from ledger.budgets.budgets import Budgets
from ledger.budgets.changing import change_budget
from ledger.budgets.limits import LimitChange
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.lists import any_call
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT
from schemas.money import nano_from_usd

_FIRST: Final = LimitChange(
    daily_limit=(True, nano_from_usd(75)),
    monthly_limit=(True, nano_from_usd(1_200)),
    call_limit=(True, nano_from_usd(4)),
    thresholds=(Decimal(50),),
)


async def prepare_demo(settings: Settings) -> bool:
    """Give the demo user a budget; say whether there is no call yet, of anybody.

    Limits are set for a user who has never had any; later changes are left alone.
    """
    demo, now = Viewer(DEMO_USER), datetime.now(UTC)
    async with reader_pool(settings.database_url.reveal(), connections_max=1) as readers:
        budgets = Budgets(readers, settings.budget.basis, DEFAULT_ALERT_THRESHOLD_PERCENT)
        limits = (await budgets.read_status(demo, DEMO_USER, now)).limits
        if not (limits.daily_version or limits.monthly_version or limits.call_version):
            await change_budget(budgets, demo, DEMO_USER, _FIRST, now)
        return not await any_call(readers, Viewer(DEMO_USER, reads_all=True))
