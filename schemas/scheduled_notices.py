"""Data of webhooks about digests, forecasts of limits, and usage without a price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from schemas.jsonio import wire_name
from schemas.money import Usd

DIGEST_TYPES: Final[Mapping[str, str]] = {
    "daily_digest": "digest.daily",
    "weekly_digest": "digest.weekly",
}
FORECAST_TYPE: Final = "budget.forecast.reached"
UNPRICED_TYPE: Final = "usage.unpriced"


class Digest(Struct, kw_only=True, rename=wire_name):
    """A user's day or week in the user's time zone. Times are UTC.

    Fields with `_before` are of the day or week before it.
    """

    user_id: str
    period: str
    period_start: datetime
    period_end: datetime
    timezone: str
    calls: int
    calls_before: int
    charged: Usd
    charged_before: Usd
    refunded: Usd
    cost: Usd
    cost_before: Usd


class LimitExpected(Struct, kw_only=True, rename=wire_name):
    """The day, in the user's time zone, on which a monthly limit is expected to be reached."""

    user_id: str
    month: str
    limit_usd: Usd
    limit_version: int
    spend_so_far: Usd
    expected_month_end: Usd
    reached_on: date
    timezone: str


class UnpricedUsage(Struct, kw_only=True, rename=wire_name):
    """A kind of usage without a price: it counts at 0 until there is one. Times are UTC."""

    service: str
    operation: str
    model: str
    unit: str
    events: int
    users: int
    first_at: datetime
