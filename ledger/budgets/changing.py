"""Changes users' settings, and raises the alerts that are due by the new limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ledger.budgets.alert_rows import read_epoch
from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets, BudgetStatus
from ledger.budgets.limits import LimitChange, apply_change
from ledger.budgets.settings import read_active_calls, write_settings
from ledger.notifications.channel_requests import ChannelRefusal, ChannelRequest
from ledger.notifications.channels import UserChannels
from ledger.postgres.viewers import Viewer
from schemas.notices import Channel


class ChannelsRefusedError(Exception):
    """The requested channels are refused; nothing was changed."""

    def __init__(self, refusal: ChannelRefusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


async def change_budget(
    budgets: Budgets,
    viewer: Viewer,
    user_id: str,
    change: LimitChange,
    now: datetime,
    channels: Sequence[ChannelRequest] | None = None,
) -> BudgetStatus:
    """Change a user's settings, raise the alerts that are due, and return the budget.

    `channels`, if given, replace the user's; new ones are returned with their secrets. A viewer
    without access changes nothing. Raises StoreUnavailableError and ChannelsRefusedError.
    """
    if change == LimitChange() and channels is None:
        return await budgets.read_status(viewer, user_id, now)
    async with budgets.lock(viewer, user_id) as (connection, before):
        limits = apply_change(before, change, await read_epoch(connection))
        replaced: Sequence[Channel] | None = None
        if channels is not None:
            result = await UserChannels(connection, viewer, user_id).replace(channels)
            if isinstance(result, ChannelRefusal):
                raise ChannelsRefusedError(result)
            replaced = result
        if limits != before:
            await write_settings(connection, viewer, limits)
            calls = await read_active_calls(connection, viewer, user_id, now)
            alerting = Alerting(budgets.basis, budgets.default_threshold_percent)
            await alerting.review_user(connection, limits, calls, now)
        status = await budgets.read_status_on(connection, viewer, limits, now)
        return status if replaced is None else status._replace(channels=replaced)
