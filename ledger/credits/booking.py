"""Counts grants and refunds in the transaction of a batch, and raises alerts of low balances.

The settings of the batch's users are locked, and its events and totals are written. A batch without
grants, and without users who have any, causes no statement.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from ledger.calls.batch_changes import BatchChanges
from ledger.credits.low_balance import due_alerts, ending_alert, ends_soon
from ledger.credits.rows import (
    Account,
    BalanceAlertRow,
    BalanceEndingAlertRow,
    insert_events,
    plan_review,
    raise_balance_alerts,
    raise_ending_alerts,
    read_accounts,
    read_refunded_calls,
    recompute_returns,
    store_ends_soon,
)
from ledger.notifications.notices import Notice, add_notices
from ledger.postgres.database import Connection
from schemas.credits import (
    BALANCE_ENDING_TYPE,
    LOW_BALANCE_TYPE,
    BalanceAlert,
    BalanceEndingAlert,
)
from schemas.jsonio import encode


async def book_credits(
    connection: Connection, changes: BatchChanges, with_credit: Collection[str], now: datetime
) -> int:
    """Count the grants of a batch and what its refunds return, and raise alerts.

    `with_credit` are the users of the batch who had a grant before. Returns the number of messages.
    """
    granted = {event.data.user_id or "" for event in changes.credits}
    if not granted and not with_credit:
        return 0
    if changes.credits:
        await insert_events(connection, changes.credits)
    refunded = _refunded_calls(changes, with_credit)
    new_users = granted - {*with_credit}
    if new_users:  # what their earlier refunds return is not stored yet
        refunded |= {*await read_refunded_calls(connection, new_users)}
    if refunded:
        await recompute_returns(connection, sorted(refunded))
    if granted:
        await plan_review(connection, granted, now)
    charged = {
        user_id
        for (user_id, _), (_, charged_nano, refunded_nano) in changes.spend.changed().items()
        if charged_nano or refunded_nano
    }
    return await raise_alerts(connection, sorted(granted | ({*with_credit} & charged)), now)


def _refunded_calls(changes: BatchChanges, with_credit: Collection[str]) -> set[str]:
    """Return the changed calls of users with credit that have refunds."""
    return {
        call_id
        for call_id, (_, call) in changes.changed.items()
        if call.user_id in with_credit and call_id not in changes.grown and call.refunded_nano()
    }


async def raise_alerts(connection: Connection, user_ids: Sequence[str], now: datetime) -> int:
    """Raise the alerts due for the balances of users; their settings are locked.

    Returns the number of messages.
    """
    if not user_ids:
        return 0
    accounts = await read_accounts(connection, user_ids, now)
    alerts = [alert for account in accounts for alert in due_alerts(account, now)]
    new = await raise_balance_alerts(connection, [_balance_row(alert) for alert in alerts])
    lowest = {alerts[index].user_id: alerts[index] for index in new}  # in descending order
    endings = await _raise_ending_alerts(connection, accounts, now)
    notices = [_notice(alert) for alert in lowest.values()]
    # A message about an amount also says how long the balance lasts.
    notices += [_ending_notice(alert) for alert in endings if alert.user_id not in lowest]
    return await add_notices(connection, notices)


async def _raise_ending_alerts(
    connection: Connection, accounts: Sequence[Account], now: datetime
) -> list[BalanceEndingAlert]:
    """Store which balances end soon; returns the alerts of those that did not before."""
    changed = {
        account.user_id: account
        for account in accounts
        if ends_soon(account, now) is not account.ends_soon
    }
    if not changed:
        return []
    alerts = [
        alert
        for account in changed.values()
        if not account.ends_soon and (alert := ending_alert(account, now)) is not None
    ]
    new = await raise_ending_alerts(connection, [_ending_row(alert) for alert in alerts])
    states = {user_id: not account.ends_soon for user_id, account in changed.items()}
    await store_ends_soon(connection, states)
    return [alerts[index] for index in new]


def _notice(alert: BalanceAlert) -> Notice:
    """Return the message about the lowest amount that a balance fell to."""
    nano = alert.balance_usd.nano
    return Notice(
        "low_balance",
        alert.user_id,
        (alert.alert_id,),
        "Prepaid balance used up" if nano <= 0 else "Low prepaid balance",
        (alert.message,),
        "/budget",
        LOW_BALANCE_TYPE,
        alert,
        is_urgent=nano <= 0,
    )


def _ending_notice(alert: BalanceEndingAlert) -> Notice:
    return Notice(
        "low_balance",
        alert.user_id,
        (alert.alert_id,),
        "Prepaid balance ends soon",
        (alert.message,),
        "/budget",
        BALANCE_ENDING_TYPE,
        alert,
    )


def _ending_row(alert: BalanceEndingAlert) -> BalanceEndingAlertRow:
    alert_id, text = UUID(alert.alert_id), encode(alert).decode()
    return BalanceEndingAlertRow(alert_id, alert.user_id, alert.triggered_at, text)


def _balance_row(alert: BalanceAlert) -> BalanceAlertRow:
    return BalanceAlertRow(
        UUID(alert.alert_id),
        alert.user_id,
        alert.threshold_usd.nano,
        alert.grant_id,
        alert.triggered_at,
        encode(alert).decode(),
    )
