"""Gives the demo user a budget that fits the history of the first start.

In that history the user has three to seven calls on a working day and one to three at weekends,
most of them charged 4.99 USD: about 20 USD a day and 530 USD a month. Late events count for their
own day and month and can raise alerts there. So the lowest threshold, half of a limit, is above the
spend of a past day or month, and half of the limit of a call is above the cost of a call: the
history raises hardly any alerts. At first sight the day and the month are partly used; the live
calls reach half of the daily limit within minutes, and an anomalous call reaches the call limit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cost_analytics.configuration.tree import Settings
from devkit.simulation.participants import DEMO_USER
from ledger.budgets.budgets import Budgets
from ledger.budgets.changing import change_budget
from ledger.budgets.limits import LimitChange
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.lists import any_call
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT
from schemas.money import nano_from_usd

_FIRST_LIMITS: Final = LimitChange(
    daily_limit=(True, nano_from_usd(75)),
    monthly_limit=(True, nano_from_usd(1_200)),
    call_limit=(True, nano_from_usd(4)),
    thresholds=(Decimal(50),),
)


async def prepare_demo(settings: Settings) -> bool:
    """Give the demo user a budget; return whether there are no calls yet, of any user.

    Limits are only set if the user never had any; later changes are kept.
    """
    demo, now = Viewer(DEMO_USER), datetime.now(UTC)
    async with reader_pool(settings.database_url.reveal(), connections_max=1) as readers:
        budgets = Budgets(readers, settings.budget.basis, DEFAULT_ALERT_THRESHOLD_PERCENT)
        limits = (await budgets.read_status(demo, DEMO_USER, now)).limits
        if not (limits.daily_version or limits.monthly_version or limits.call_version):
            await change_budget(budgets, demo, DEMO_USER, _FIRST_LIMITS, now)
        return not await any_call(readers, Viewer(DEMO_USER, reads_all=True))
