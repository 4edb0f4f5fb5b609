"""Decides which low balances are due for an alert, and builds the alerts: pure.

An alert of an amount is due while the balance is at or below it. A unique key, not this module,
makes it exist once for each amount and latest grant. An alert about the end is due once the end is
within the days that the user chose, and again only after it was further away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ledger.credits.balance import balance_ends_at
from ledger.credits.rows import RECENT_DAYS, Account
from schemas.credits import LOW_BALANCE_USD, BalanceAlert, BalanceEndingAlert
from schemas.identity import derived_id
from schemas.money import NANO_PER_USD, Usd
from schemas.sentences import day_name, dollars

_RECENT_HOURS: Final = RECENT_DAYS * 24


def low_balances(chosen: Sequence[int] | None) -> list[int]:
    """Return the balances at which a user is warned, in descending order, always with zero."""
    amounts = [LOW_BALANCE_USD * NANO_PER_USD] if chosen is None else chosen
    return sorted({0, *amounts}, reverse=True)


def lasts_until(account: Account, now: datetime) -> datetime | None:
    """Return when the balance is used up if recent charges continue; None if never."""
    per_hour = max(0, account.recent_nano) // _RECENT_HOURS
    return balance_ends_at(account.grants, account.balance, per_hour, now)


def charged_per_day(account: Account) -> int:
    """Return the charges of a day, in nano-dollars, as the average of the last days."""
    return account.recent_nano // RECENT_DAYS


def due_alerts(account: Account, now: datetime) -> list[BalanceAlert]:
    """Return the alerts that are due, the highest amount first."""
    begun = [grant for grant in account.grants if grant.starts_at <= now]
    if not begun:
        return []
    latest = max(begun, key=lambda grant: (grant.granted_at, grant.grant_id)).grant_id
    return [
        _alert(account, threshold, latest, now)
        for threshold in low_balances(account.low_balances_nano)
        if account.balance.nano <= threshold
    ]


def ends_soon(account: Account, now: datetime) -> bool:
    """Return whether the balance ends within the days that the user chose.

    While a balance is used up, the answer stays as it was: the alert at zero reports it.
    """
    if account.low_balance_days is None:
        return False
    if account.balance.nano <= 0:
        return account.ends_soon
    ends_at = lasts_until(account, now)
    return ends_at is not None and ends_at <= now + timedelta(days=account.low_balance_days)


def ending_alert(account: Account, now: datetime) -> BalanceEndingAlert | None:
    """Return the next alert about the end of a balance; None if no end is expected."""
    ends_at = lasts_until(account, now)
    if ends_at is None or account.low_balance_days is None:
        return None
    nano, per_day = account.balance.nano, charged_per_day(account)
    return BalanceEndingAlert(
        alert_id=str(
            derived_id(
                "ending", account.user_id, account.low_balance_days, account.ends_soon_count + 1
            )
        ),
        user_id=account.user_id,
        threshold_days=account.low_balance_days,
        balance_usd=Usd(nano),
        charged_per_day_usd=Usd(per_day),
        lasts_until=ends_at,
        message=(
            f"Your prepaid balance of {dollars(nano)} lasts until {day_name(ends_at)} at your"
            f" recent pace of {dollars(per_day)} a day."
        ),
        triggered_at=now,
    )


def _alert(account: Account, threshold: int, grant_id: str, now: datetime) -> BalanceAlert:
    ends_at = lasts_until(account, now)
    return BalanceAlert(
        alert_id=str(derived_id("balance", account.user_id, threshold, grant_id)),
        user_id=account.user_id,
        threshold_usd=Usd(threshold),
        balance_usd=Usd(account.balance.nano),
        charged_per_day_usd=Usd(charged_per_day(account)),
        lasts_until=ends_at,
        message=_message(account.balance.nano, ends_at),
        triggered_at=now,
        grant_id=grant_id,
    )


def _message(nano: int, ends_at: datetime | None) -> str:
    if nano <= 0:
        return f"Your prepaid balance is used up: {dollars(nano)}. New calls are refused."
    until = "" if ends_at is None else f" At your recent pace it lasts until {day_name(ends_at)}."
    return f"Your prepaid balance is {dollars(nano)}.{until}"
