"""Bodies of a user's budget: where it stands, and what a user may change about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

DEFAULT_ALERT_THRESHOLD_PERCENT: Final = 80
"""The share of a limit at which a user who set nothing else is alerted."""

MAX_LIMIT_USD: Final = 1_000_000_000
MAX_DECIMALS: Final = 9
"""A nano-dollar: finer limits cannot be kept, so they are refused rather than rounded."""

Number = int | Decimal
"""A JSON number or a numeric string, exact; never a binary float."""


class Budget(Struct, kw_only=True, rename=wire_name):
    """Where a user stands in the present UTC day and calendar month. Money is US dollars.

    A limit of null is no limit, and leaves nothing to say about what remains of it; what remains
    is never below zero.
    """

    user_id: str
    daily_limit_usd: Usd | None
    monthly_limit_usd: Usd | None
    alert_threshold_percent: Exact
    current_daily_spend: Usd
    current_monthly_spend: Usd
    daily_remaining: Usd | None
    monthly_remaining: Usd | None
    alert_triggered: bool


class BudgetChange(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """What to change; a field that is absent stays as it is, a limit of null is taken away."""

    daily_limit_usd: Number | UnsetType | None = UNSET
    monthly_limit_usd: Number | UnsetType | None = UNSET
    alert_threshold_percent: Number | UnsetType = UNSET
