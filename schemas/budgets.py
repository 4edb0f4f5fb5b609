"""Bodies of a user's budget: its status and its settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.alerts import AlertType, ListedAlert, SpendBasis
from schemas.call_steps import CallSteps, WantedCallSteps
from schemas.events import Tags, Text
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.notices import Channel, WantedChannel
from schemas.numbers import Number

DEFAULT_ALERT_THRESHOLD_PERCENT: Final = 80
"""The default alert threshold, as a share of a limit."""

MAX_LIMIT_USD: Final = 1_000_000_000
MAX_THRESHOLD_PERCENT: Final = 1_000
MAX_THRESHOLDS: Final = 20
SERVICES_MAX: Final = 20
MAX_DECIMALS: Final = 9
"""Nano-dollars. Limits with more decimals are refused, not rounded."""


BudgetName = AlertType | Literal["balance", "global"]
"""What can refuse a call: a limit, the prepaid balance, or a limit of all users."""


class LimitVersions(Struct, kw_only=True, rename=wire_name):
    """The version of each limit, which increases with a change; each can raise its alerts once."""

    daily: int
    monthly: int
    call: int


class Budget(Struct, kw_only=True, rename=wire_name):
    """A user's spend in the present day and month of the user's time zone, in US dollars.

    `budget_basis` says what counts as spend: charges minus refunds, or the cost of the calls. The
    day and the month begin at `_start` and end before `_end`.

    A limit of null means no limit; the remaining amount is then null too. A remaining amount is
    never below zero. `time_to_threshold_seconds` is the time until the next threshold at the
    present `burn_rate_per_hour` of active calls, null if none will be reached today. `alerts` are
    the newest. `balance` is the prepaid balance, null for a user without one, negative for a debt;
    `balance_lasts_until` is when it is used up at the pace of the last 7 days.
    """

    user_id: str
    daily_limit_usd: Usd | None
    monthly_limit_usd: Usd | None
    max_cost_per_call_usd: Usd | None
    alert_threshold_percent: Exact
    thresholds: list[Exact]
    timezone: str
    auto_cutoff: bool
    call_steps: CallSteps
    channels: list[Channel]
    budget_basis: SpendBasis
    day_start: datetime
    day_end: datetime
    month_start: datetime
    month_end: datetime
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
    alerts: list[ListedAlert]
    balance: Usd | None = None
    balance_lasts_until: datetime | None = None


class BudgetChange(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """Settings to change: an absent field keeps its value, null removes a limit."""

    daily_limit_usd: Number | UnsetType | None = UNSET
    monthly_limit_usd: Number | UnsetType | None = UNSET
    max_cost_per_call_usd: Number | UnsetType | None = UNSET
    alert_threshold_percent: Number | UnsetType = UNSET
    thresholds: list[Number] | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    auto_cutoff: bool | UnsetType = UNSET
    call_steps: WantedCallSteps | UnsetType = UNSET
    channels: list[WantedChannel] | UnsetType = UNSET


class AlertReading(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """Whether to mark an alert as read, which is the default, or as unread."""

    read: bool = True


class AlertList(Struct, kw_only=True, rename=wire_name):
    """A page of a user's alerts, newest first; `next_cursor` is null on the last page."""

    alerts: list[ListedAlert]
    next_cursor: str | None


class AuthorizationRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A call that is about to start, with its estimated cost in USD or its expected duration.

    Budgets of a persona or a tag apply if the call has been reported with it, or has it here. A
    global budget of a service applies if the call will use it: `services`.
    """

    call_id: Text
    estimated_cost: Number | UnsetType = UNSET
    expected_duration_seconds: Number | UnsetType = UNSET
    persona_id: Text | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    services: Annotated[list[Text], Meta(max_length=SERVICES_MAX)] | UnsetType = UNSET


class Authorization(Struct, kw_only=True, rename=wire_name):
    """Whether a call may start. Money is US dollars.

    `budget` is the budget that does not allow it, null if the call is allowed; `budget_id` is its
    id if it is a scoped budget. `remaining` is what that budget has left; for an allowed call,
    what the tightest budget of the user had left before it; null without limits, and for `global`,
    a limit of all users whose figures are not disclosed. `held` is reserved for the call until
    `held_until`.
    """

    allowed: bool
    call_id: str
    user_id: str
    budget: BudgetName | None
    reason: str
    remaining: Usd | None
    held: Usd
    held_until: datetime | None
    budget_id: str | None
