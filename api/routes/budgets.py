"""A user's budget: `/api/costs/user/{userId}/budget`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from aiohttp import web
from msgspec import UNSET, UnsetType

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import ApiOptions
from api.http.problems import invalid_body
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.budget_numbers import limit_nano, percent_of, thresholds_of
from api.routes.call_steps import steps_body, steps_of
from api.routes.channels import parse_channel, problem_of
from ledger.budgets.budgets import Budgets, BudgetStatus
from ledger.budgets.burn_rate import seconds_to_threshold
from ledger.budgets.changing import ChannelsRefusedError, change_budget
from ledger.budgets.limits import LimitChange
from ledger.budgets.thresholds import is_reached
from ledger.credits.credits import Credits
from ledger.credits.low_balance import lasts_until
from ledger.notifications.channel_requests import ChannelRequest
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import Viewer
from schemas.alerts import ListedAlert, SpendBasis
from schemas.budgets import (
    Budget,
    BudgetChange,
    LimitVersions,
)
from schemas.exact import Exact
from schemas.jsonio import decode
from schemas.money import Usd
from schemas.numbers import Number
from schemas.time_zones import time_zones

_PATH: Final = "/api/costs/user/{userId}/budget"
_READ: Final = Operation(
    name="getBudget",
    tag=Tag.BUDGETS,
    summary="Get a user's budget",
    response=Budget,
    has_etag=True,
)
_CHANGE: Final = Operation(
    name="changeBudget",
    tag=Tag.BUDGETS,
    summary="Change a user's budget: limits, thresholds, time zone, channels",
    response=Budget,
    body=BudgetChange,
    example={"dailyLimit_usd": 10, "monthlyLimit_usd": "100.00", "thresholds": [50, 90]},
)


class BudgetRoutes:
    """The routes of a user's budget."""

    def __init__(self, budgets: Budgets, credit: Credits, options: ApiOptions, now: Clock) -> None:
        self._budgets = budgets
        self._credit = credit
        self._options = options
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.SELF, self.read, _READ),
            Route("PUT", _PATH, Access.SELF, self.change, _CHANGE),
        )

    async def read(self, request: web.Request) -> web.Response:
        """Return the user's budget."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        return tagged_reply(request, await self.body(viewer, user_id))

    async def body(self, viewer: Viewer, user_id: str) -> Budget:
        """Return the body of a user's current budget; raises StoreUnavailableError."""
        budget_status = await self._budgets.read_status(viewer, user_id, self._now())
        return await self._body(viewer, user_id, budget_status)

    async def _body(self, viewer: Viewer, user_id: str, budget_status: BudgetStatus) -> Budget:
        """Return the body of a budget, with the prepaid balance of a user who has one."""
        body = budget(user_id, budget_status, self._budgets.basis)
        if budget_status.limits.has_credit:
            account = await self._credit.read_account(viewer, user_id, budget_status.now)
            if account is not None:
                body.balance = Usd(account.balance.nano)
                body.balance_lasts_until = lasts_until(account, budget_status.now)
        return body

    async def change(self, request: web.Request) -> web.Response:
        """Change the fields in the body, and return the resulting budget."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        body = await read_json(request, self._options.limits, BudgetChange)
        change, channels = change_of(body), self._channels(body, user_id)
        try:
            budget_status = await change_budget(
                self._budgets, viewer, user_id, change, self._now(), channels
            )
        except ChannelsRefusedError as error:
            raise problem_of(error.refusal) from None
        return reply(await self._body(viewer, user_id, budget_status))

    def _channels(self, body: BudgetChange, user_id: str) -> list[ChannelRequest] | None:
        """Return the channels that replace the present ones; raises a Problem."""
        if body.channels is UNSET:
            return None
        return [parse_channel(channel, self._options, user_id) for channel in body.channels]


def change_of(requested: BudgetChange) -> LimitChange:
    """Return the requested change; raises the 400 Problem, which names the field."""
    return LimitChange(
        daily_limit=_limit("dailyLimit_usd", requested.daily_limit_usd),
        monthly_limit=_limit("monthlyLimit_usd", requested.monthly_limit_usd),
        call_limit=_limit("maxCostPerCall_usd", requested.max_cost_per_call_usd),
        alert_threshold_percent=(
            None
            if requested.alert_threshold_percent is UNSET
            else percent_of("alertThreshold_percent", requested.alert_threshold_percent, 100)
        ),
        thresholds=thresholds_of(requested.thresholds),
        timezone=_timezone(requested.timezone),
        auto_cutoff=None if requested.auto_cutoff is UNSET else requested.auto_cutoff,
        call_steps=None if requested.call_steps is UNSET else steps_of(requested.call_steps),
    )


def _limit(name: str, requested: Number | UnsetType | None) -> tuple[bool, int | None]:
    if requested is UNSET:
        return False, None
    if requested is None:
        return True, None
    return True, limit_nano(name, requested)


def _timezone(requested: str | UnsetType) -> str | None:
    if requested is UNSET:
        return None
    if requested not in time_zones():
        raise invalid_body("`timezone` must be an IANA time zone such as Europe/Berlin.")
    return requested


def budget(user_id: str, budget_status: BudgetStatus, basis: SpendBasis) -> Budget:
    """Return the response body."""
    limits, day_nano, month_nano = (
        budget_status.limits,
        budget_status.day_nano,
        budget_status.month_nano,
    )
    daily, monthly, warning = limits.daily_nano, limits.monthly_nano, budget_status.warning_percent
    day_seconds = _seconds(budget_status, daily, day_nano)
    month_seconds = _seconds(budget_status, monthly, month_nano)
    return Budget(
        user_id=user_id,
        daily_limit_usd=_usd(daily),
        monthly_limit_usd=_usd(monthly),
        max_cost_per_call_usd=_usd(limits.call_nano),
        alert_threshold_percent=Exact(warning),
        thresholds=[Exact(percent) for percent in budget_status.thresholds],
        timezone=limits.timezone,
        auto_cutoff=limits.auto_cutoff,
        call_steps=steps_body(limits.call_steps),
        channels=list(budget_status.channels),
        budget_basis=basis,
        day_start=budget_status.day.start,
        day_end=budget_status.day.end,
        month_start=budget_status.month.start,
        month_end=budget_status.month.end,
        limit_versions=LimitVersions(
            daily=limits.daily_version, monthly=limits.monthly_version, call=limits.call_version
        ),
        current_daily_spend=Usd(day_nano),
        current_monthly_spend=Usd(month_nano),
        daily_remaining=_remaining(daily, day_nano),
        monthly_remaining=_remaining(monthly, month_nano),
        alert_triggered=_is_warning_due(daily, day_nano, warning)
        or _is_warning_due(monthly, month_nano, warning),
        burn_rate_per_hour=Usd(budget_status.burn_rate),
        daily_time_to_threshold_seconds=day_seconds,
        monthly_time_to_threshold_seconds=month_seconds,
        time_to_threshold_seconds=min(
            (seconds for seconds in (day_seconds, month_seconds) if seconds is not None),
            default=None,
        ),
        alerts=[decode(ListedAlert, alert.encode()) for alert in budget_status.alerts],
    )


def _seconds(budget_status: BudgetStatus, limit: int | None, spend: int) -> int | None:
    """Return the seconds to the next threshold of a limit; None if none is expected today.

    The pace of active calls says nothing about other days; the forecast does.
    """
    return seconds_to_threshold(
        limit,
        spend,
        budget_status.thresholds,
        budget_status.burn_rate,
        budget_status.day.seconds_left(budget_status.now),
    )


def _usd(nano: int | None) -> Usd | None:
    return None if nano is None else Usd(nano)


def _remaining(limit: int | None, spend: int) -> Usd | None:
    return None if limit is None else Usd(max(limit - spend, 0))


def _is_warning_due(limit: int | None, spend: int, threshold_percent: Decimal) -> bool:
    """Return whether the spend has reached the warning threshold of the limit."""
    return limit is not None and is_reached(spend, threshold_percent, limit)
