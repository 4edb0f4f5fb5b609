"""Bodies of a user's budget: where it stands, and what a user may change about it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from schemas.alerts import AlertType, BudgetAlert
from schemas.events import Text
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.notices import Channel, WantedChannel
from schemas.numbers import Number

DEFAULT_ALERT_THRESHOLD_PERCENT: Final = 80
"""The share of a limit at which a user who set nothing else is alerted."""

MAX_LIMIT_USD: Final = 1_000_000_000
MAX_THRESHOLD_PERCENT: Final = 1_000
MAX_THRESHOLDS: Final = 20
MAX_DECIMALS: Final = 9
"""A nano-dollar: finer limits cannot be kept, so they are refused rather than rounded."""


class LimitVersions(Struct, kw_only=True, rename=wire_name):
    """Rises with each change of a limit: an alert exists once for each version."""

    daily: int
    monthly: int
    call: int


class Budget(Struct, kw_only=True, rename=wire_name):
    """Where a user stands in the present day and month of the user's time zone, in US dollars.

    A limit of null is no limit, and leaves nothing to say about what remains of it; what remains
    is never below zero. `time_to_threshold_seconds` is when the next threshold will be reached at
    `burn_rate_per_hour`, at which active calls spend now; null where none is in sight. `alerts`
    are the latest.
    """

    user_id: str
    daily_limit_usd: Usd | None
    monthly_limit_usd: Usd | None
    max_cost_per_call_usd: Usd | None
    alert_threshold_percent: Exact
    thresholds: list[Exact]
    timezone: str
    auto_cutoff: bool
    channels: list[Channel]
    limit_versions: LimitVersions
    current_daily_spend: Usd
    current_monthly_spend: Usd
    daily_remaining: Usd | None
    monthly_remaining: Usd | None
    alert_triggered: bool
    burn_rate_per_hour: Usd
    daily_time_to_threshold_seconds: int | None
    monthly_time_to_threshold_seconds: int | None
    time_to_threshold_seconds: int | None
    alerts: list[BudgetAlert]


class BudgetChange(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """What to change; a field that is absent stays as it is, a limit of null is taken away."""

    daily_limit_usd: Number | UnsetType | None = UNSET
    monthly_limit_usd: Number | UnsetType | None = UNSET
    max_cost_per_call_usd: Number | UnsetType | None = UNSET
    alert_threshold_percent: Number | UnsetType = UNSET
    thresholds: list[Number] | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    auto_cutoff: bool | UnsetType = UNSET
    channels: list[WantedChannel] | UnsetType = UNSET


class AlertList(Struct, kw_only=True, rename=wire_name):
    """A page of a user's alerts, latest first; `next_cursor` is null on the last page."""

    alerts: list[BudgetAlert]
    next_cursor: str | None


class AuthorizationRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A call that wants to start, with what it should cost in USD or how long it should take."""

    call_id: Text
    estimated_cost: Number | UnsetType = UNSET
    expected_duration_seconds: Number | UnsetType = UNSET


class Authorization(Struct, kw_only=True, rename=wire_name):
    """Whether a call may start. Money is US dollars.

    `budget` is the one that says no, null where the call is allowed. `remaining` is what that
    budget leaves, or of an allowed call what the tightest budget left before it; null without
    limits. `held` is kept for the call until `held_until`.
    """

    allowed: bool
    call_id: str
    user_id: str
    budget: AlertType | None
    reason: str
    remaining: Usd | None
    held: Usd
    held_until: datetime | None
