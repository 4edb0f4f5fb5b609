"""A user's limits, and changes of them; each change of a limit increases its version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from ledger.budgets.call_steps import NO_STEPS, StepSettings
from ledger.budgets.scoped import StoredBudget
from schemas.alerts import AlertType

FULL: Final = Decimal(100)
"""The threshold of every limit: 100 %."""


class Limit(NamedTuple):
    """A limit in nano-dollars; `version` increases with each change.

    `budget` is the scoped budget that it belongs to, None for a limit of the settings.
    """

    type: AlertType
    nano: int
    version: int
    budget: StoredBudget | None = None


class Limits(Struct, frozen=True, kw_only=True):
    """A user's settings: limits in nano-dollars, None for no limit, and thresholds in percent.

    Without `warning_percent` the product's default applies; `extra_thresholds` are thresholds in
    addition to it and to 100. `budgets` are scoped budgets. `has_credit` says whether the user had
    a grant of prepaid credit.
    """

    user_id: str
    daily_nano: int | None = None
    monthly_nano: int | None = None
    call_nano: int | None = None
    daily_version: int = 0
    monthly_version: int = 0
    call_version: int = 0
    warning_percent: Decimal | None = None
    extra_thresholds: tuple[Decimal, ...] = ()
    timezone: str = "UTC"
    auto_cutoff: bool = True
    call_steps: StepSettings = NO_STEPS
    budgets: tuple[StoredBudget, ...] = ()
    has_credit: bool = False

    def scoped_budget_limits(self, now: datetime) -> Iterator[Limit]:
        """Yield the limits of scoped budgets at a time."""
        for budget in self.budgets:
            nano, version = budget.nano(now), budget.version_at(now)
            yield Limit(budget.period, nano, version, budget)

    def whole_user_limits(self, now: datetime) -> list[Limit]:
        """Return all limits of calendar periods that apply to the whole user."""
        return self.period_limits() + self._scoped_period_limits(now, selects_calls=False)

    def persona_and_tag_limits(self, now: datetime) -> list[Limit]:
        """Return the limits of calendar periods that apply to a persona or a tag."""
        return self._scoped_period_limits(now, selects_calls=True)

    def _scoped_period_limits(self, now: datetime, *, selects_calls: bool) -> list[Limit]:
        scoped = (limit for limit in self.scoped_budget_limits(now) if limit.type != "call")
        return [
            limit
            for limit in scoped
            if limit.budget and limit.budget.scope.selects_calls is selects_calls
        ]

    def all_call_limits(self, now: datetime) -> list[Limit]:
        """Return all limits of a single call."""
        scoped = (limit for limit in self.scoped_budget_limits(now) if limit.type == "call")
        return [*self.call_limits(), *scoped]

    def thresholds_of(self, limit: Limit, default: Decimal) -> list[Decimal]:
        """Return the thresholds of a limit in percent, in order."""
        if limit.budget is None or limit.budget.thresholds is None:
            return self.thresholds(default)
        return sorted({FULL, *limit.budget.thresholds})

    def ends_calls(self, limit: Limit) -> bool:
        """Return whether the end of a call that reaches a limit is requested."""
        return self.auto_cutoff if limit.budget is None else limit.budget.auto_cutoff

    def steps_of(self, limit: Limit) -> StepSettings:
        """Return the steps before the end of a call that reaches a limit."""
        return self.call_steps if limit.budget is None else limit.budget.call_steps

    @property
    def latest_version(self) -> int:
        """The highest version of all limits.

        A changed scoped budget gets the next version, and a changed call limit one above those of
        scoped budgets. So no two limits of a call have the same version.
        """
        scoped_versions = (budget.version for budget in self.budgets)
        return max(self.daily_version, self.monthly_version, self.call_version, *scoped_versions)

    def period_limits(self) -> list[Limit]:
        """Return the daily and the monthly limit, if there are any."""
        daily = _limit("daily", self.daily_nano, self.daily_version)
        return daily + _limit("monthly", self.monthly_nano, self.monthly_version)

    def call_limits(self) -> list[Limit]:
        """Return the limit of a single call, if there is one."""
        return _limit("call", self.call_nano, self.call_version)

    def warning(self, default: Decimal) -> Decimal:
        """Return the warning threshold in percent."""
        return default if self.warning_percent is None else self.warning_percent

    def thresholds(self, default: Decimal) -> list[Decimal]:
        """Return all thresholds in percent, in order."""
        return sorted({self.warning(default), FULL, *self.extra_thresholds})


def _limit(kind: AlertType, nano: int | None, version: int) -> list[Limit]:
    return [] if nano is None else [Limit(kind, nano, version)]


class LimitChange(NamedTuple):
    """A change of settings: limits as (whether to change, new value); else None is no change."""

    daily_limit: tuple[bool, int | None] = (False, None)
    monthly_limit: tuple[bool, int | None] = (False, None)
    call_limit: tuple[bool, int | None] = (False, None)
    alert_threshold_percent: Decimal | None = None
    thresholds: tuple[Decimal, ...] | None = None
    timezone: str | None = None
    auto_cutoff: bool | None = None
    call_steps: StepSettings | None = None


def apply_change(limits: Limits, change: LimitChange, epoch: int) -> Limits:
    """Return the changed limits; the version of a limit increases if its value changes.

    A restore resets versions and raises the ledger's epoch. A new version is at least the epoch, so
    it is above every lost version, as long as no limit changed more than once a second.
    """
    daily, daily_version = _change_limit(
        limits.daily_nano, limits.daily_version, change.daily_limit, epoch
    )
    monthly, monthly_version = _change_limit(
        limits.monthly_nano, limits.monthly_version, change.monthly_limit, epoch
    )
    scoped_version = max((budget.version for budget in limits.budgets), default=0)
    call, call_version = _change_limit(
        limits.call_nano, limits.call_version, change.call_limit, max(epoch, scoped_version + 1)
    )
    warning = change.alert_threshold_percent
    return replace(
        limits,
        daily_nano=daily,
        monthly_nano=monthly,
        call_nano=call,
        daily_version=daily_version,
        monthly_version=monthly_version,
        call_version=call_version,
        warning_percent=limits.warning_percent if warning is None else warning,
        extra_thresholds=limits.extra_thresholds
        if change.thresholds is None
        else change.thresholds,
        timezone=limits.timezone if change.timezone is None else change.timezone,
        auto_cutoff=limits.auto_cutoff if change.auto_cutoff is None else change.auto_cutoff,
        call_steps=limits.call_steps if change.call_steps is None else change.call_steps,
    )


def _change_limit(
    nano: int | None, version: int, change: tuple[bool, int | None], version_min: int
) -> tuple[int | None, int]:
    """Return the limit and its version after a change."""
    is_requested, new_nano = change
    if not is_requested or new_nano == nano:
        return nano, version
    return new_nano, max(version + 1, version_min)
