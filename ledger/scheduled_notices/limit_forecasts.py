"""Messages that a monthly limit will be reached: once a month and limit, unless the day moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from ledger.budgets.alert_rows import limits_of, read_spend
from ledger.budgets.limits import Limits
from ledger.budgets.windows import SpendWindow
from ledger.calls.periods import period_of
from ledger.forecasts.forecast import (
    BudgetForecast,
    CurrentSpend,
    budget_forecast,
    learn_rhythms,
)
from ledger.forecasts.rows import read_days
from ledger.notifications.notices import Notice
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.alerts import SpendBasis
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.scheduled_notices import FORECAST_TYPE, LimitExpected
from schemas.sentences import day_name, dollars

_SQL: Final = statements("scheduled_notices/schedule")

PAGE: Final = "/outlook"
HISTORY_DAYS_MIN: Final = 3
"""A user with fewer whole days of history gets no message."""
MOVED_MIN: Final = timedelta(days=3)
"""A forecast day that moved by less is not reported again."""


class _Reported(msgspec.Struct, rename=wire_name):
    month: str
    limit_version: int
    reached_on: date


class _Content(msgspec.Struct):
    data: _Reported


_decode: Final = msgspec.json.Decoder(_Content).decode


async def read_limit_forecasts(
    connection: Connection, user_ids: Sequence[str], basis: SpendBasis, now: datetime
) -> list[Notice]:
    """Return the messages that are new for users with a monthly limit."""
    if not user_ids:
        return []
    rows = await connection.fetch(*_SQL.bind("monthly_limits", user_ids=user_ids))
    limits = [limits_of(row) for row in rows]
    months = [period_of("monthly", now, one.timezone) for one in limits]
    days = [period_of("daily", now, one.timezone) for one in limits]
    spent = await read_spend(
        connection,
        [SpendWindow(one.user_id, m.start, m.end) for one, m in zip(limits, months, strict=True)],
        basis,
    )
    notices = []
    for row, one, day, month, nano in zip(rows, limits, days, months, spent, strict=True):
        spend = CurrentSpend(one, basis, day, month, 0, nano)
        history = await read_days(connection, Viewer(one.user_id), one.user_id, now)
        rhythms = learn_rhythms(history.days, history.first_day, now)
        if len(rhythms.days) < HISTORY_DAYS_MIN:
            continue
        notice = limit_notice(spend, budget_forecast(rhythms, spend), row["last_content"])
        if notice is not None:
            notices.append(notice)
    return await _not_sent_before_restore(connection, notices)


async def _not_sent_before_restore(
    connection: Connection, notices: Sequence[Notice]
) -> list[Notice]:
    """Return the messages without those of which a similar one was sent before a restore.

    The restored ledger does not have that message, but its delivery was read from the journal.
    """
    if not notices:
        return []
    near = {notice.notice_id: _near_ids(notice) for notice in notices}
    asked = [(one.user_id, notice_id) for one in notices for notice_id in near[one.notice_id]]
    users, ids = zip(*asked, strict=True)
    rows = await connection.fetch(*_SQL.bind("sent_before_restore", user_ids=users, notice_ids=ids))
    sent = {UUID(str(row["subject_id"])) for row in rows}
    return [notice for notice in notices if sent.isdisjoint(near[notice.notice_id])]


def _near_ids(notice: Notice) -> list[UUID]:
    """Return the ids of the messages that would make this one no news, by their forecast days."""
    month, version, day = notice.cause
    days = range(1 - MOVED_MIN.days, MOVED_MIN.days)
    near = [date.fromisoformat(day) + timedelta(days=moved) for moved in days]
    return [notice._replace(cause=(month, version, on.isoformat())).notice_id for on in near]


def limit_notice(
    spend: CurrentSpend, forecast: BudgetForecast, last_content: str | None
) -> Notice | None:
    """Return the message about a monthly limit, if it is expected to be reached and that is new.

    `last_content` is the user's last message of this kind.
    """
    limits, on = spend.limits, forecast.monthly_on
    limit = limits.monthly_nano
    if limit is None or on is None or spend.month_nano >= limit:
        return None
    if last_content is not None and not _is_news(_decode(last_content).data, spend, on):
        return None
    end = forecast.month_end.expected
    sentences = [
        f"At the present pace your monthly limit of {dollars(limit)} is reached on {day_name(on)}.",
        f"So far: {dollars(spend.month_nano)}. Expected by the end of the month: {dollars(end)}.",
    ]
    data = LimitExpected(
        user_id=limits.user_id,
        month=spend.month.label,
        limit_usd=Usd(limit),
        limit_version=limits.monthly_version,
        spend_so_far=Usd(spend.month_nano),
        expected_month_end=Usd(end),
        reached_on=on,
        timezone=limits.timezone,
    )
    return Notice(
        "forecast",
        limits.user_id,
        _cause(spend, limits, on),
        f"Your monthly limit will be reached on {day_name(on)}",
        sentences,
        PAGE,
        FORECAST_TYPE,
        data,
    )


def _cause(spend: CurrentSpend, limits: Limits, on: date) -> tuple[str, ...]:
    return spend.month.label, str(limits.monthly_version), on.isoformat()


def _is_news(reported: _Reported, spend: CurrentSpend, on: date) -> bool:
    same = (reported.month, reported.limit_version) == (
        spend.month.label,
        spend.limits.monthly_version,
    )
    return not same or abs(on - reported.reached_on) >= MOVED_MIN
