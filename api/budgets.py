"""What a user may spend, and how much of it is spent: `/api/costs/user/{userId}/budget`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from api.access import CALLER, Access, Route
from api.limits import read_body
from api.options import Limits
from api.problems import invalid_body
from api.replies import reply, tagged_reply
from ledger.store.budgets import Budgets, Change, Standing
from schemas.budgets import MAX_DECIMALS, MAX_LIMIT_USD, Budget, BudgetChange, Number
from schemas.exact import Exact
from schemas.jsonio import decode
from schemas.money import Usd, nano_from_usd

T = TypeVar("T")

_PATH: Final = "/api/costs/user/{userId}/budget"
_FINEST: Final = Decimal(1).scaleb(-MAX_DECIMALS)


class BudgetRoutes:
    """The routes about a user's budget."""

    def __init__(self, budgets: Budgets, limits: Limits, today: Callable[[], date]) -> None:
        self._budgets = budgets
        self._limits = limits
        self._today = today

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        return (
            Route("GET", _PATH, Access.SELF, self.read),
            Route("PUT", _PATH, Access.SELF, self.change),
        )

    async def read(self, request: web.Request) -> web.Response:
        """Answer with the user's budget."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        standing = await self._budgets.standing(viewer, user_id, self._today())
        return tagged_reply(request, budget(user_id, standing))

    async def change(self, request: web.Request) -> web.Response:
        """Change what the body names, and answer with the budget that results."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        change = change_of(await read_body(request, self._limits))
        standing = await self._budgets.change(viewer, user_id, change, self._today())
        return reply(budget(user_id, standing))


def change_of(body: bytes) -> Change:
    """Return what a body asks to change; raises the 400 Problem, naming the field."""
    try:
        wanted = decode(BudgetChange, body)
    except msgspec.ValidationError as error:
        raise invalid_body(f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_body("The body is not JSON.") from None
    except (ValueError, ArithmeticError):
        raise invalid_body("A number in the body cannot be read.") from None
    return Change(
        daily_limit=_limit("dailyLimit_usd", wanted.daily_limit_usd),
        monthly_limit=_limit("monthlyLimit_usd", wanted.monthly_limit_usd),
        alert_threshold_percent=_threshold(wanted.alert_threshold_percent),
    )


def _limit(name: str, wanted: Number | UnsetType | None) -> tuple[bool, int | None]:
    if wanted is UNSET:
        return False, None
    if wanted is None:
        return True, None
    return True, nano_from_usd(_bounded(name, wanted, MAX_LIMIT_USD))


def _threshold(wanted: Number | UnsetType) -> tuple[bool, Decimal | None]:
    if wanted is UNSET:
        return False, None
    percent = _bounded("alertThreshold_percent", wanted, 100)
    if not percent:
        raise invalid_body("`alertThreshold_percent` must be above 0.")
    return True, percent


def _bounded(name: str, wanted: Number, most: int) -> Decimal:
    """Return a number from 0 to `most` that is no finer than what can be kept."""
    number = Decimal(wanted)
    if not number.is_finite() or not 0 <= number <= most:
        raise invalid_body(f"`{name}` must be a number from 0 to {most}.")
    kept = number.quantize(_FINEST)
    if kept != number:
        raise invalid_body(f"`{name}` may have at most {MAX_DECIMALS} decimals.")
    return kept.normalize()


def budget(user_id: str, standing: Standing) -> Budget:
    """Return the body about a user's budget."""
    daily, monthly = standing.daily_limit_nano, standing.monthly_limit_nano
    today_nano, month_nano = standing.daily_spend_nano, standing.monthly_spend_nano
    threshold = standing.alert_threshold_percent
    return Budget(
        user_id=user_id,
        daily_limit_usd=_usd(daily),
        monthly_limit_usd=_usd(monthly),
        alert_threshold_percent=Exact(threshold),
        current_daily_spend=Usd(today_nano),
        current_monthly_spend=Usd(month_nano),
        daily_remaining=_remaining(daily, today_nano),
        monthly_remaining=_remaining(monthly, month_nano),
        alert_triggered=_reached(daily, today_nano, threshold)
        or _reached(monthly, month_nano, threshold),
    )


def _usd(nano: int | None) -> Usd | None:
    return None if nano is None else Usd(nano)


def _remaining(limit: int | None, spend: int) -> Usd | None:
    return None if limit is None else Usd(max(limit - spend, 0))


def _reached(limit: int | None, spend: int, threshold_percent: Decimal) -> bool:
    """Say whether the spend is at or above the share of the limit that calls for an alert."""
    return limit is not None and spend * 100 >= threshold_percent * limit
