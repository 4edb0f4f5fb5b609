"""Sums up what late prices would change, as costs pass by one after the other: pure, bounded."""

from __future__ import annotations

import heapq
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.budgets.thresholds import BudgetPosition
from ledger.calls.periods import day_of
from ledger.repricing.rows import DueCost, EarnedSums, RepricingScope
from schemas.money import percent_text

USERS_SHOWN: Final = 50
ALERTS_SHOWN: Final = 100


class CostChange:
    """How many costs, and their sum before and after, in nano-dollars."""

    __slots__ = ("after_nano", "before_nano", "costs")

    def __init__(self) -> None:
        """Start with none."""
        self.costs = self.before_nano = self.after_nano = 0

    def add(self, before_nano: int, after_nano: int) -> None:
        self.costs += 1
        self.before_nano += before_nano
        self.after_nano += after_nano

    @property
    def difference_nano(self) -> int:
        """By how much the sum changes."""
        return self.after_nano - self.before_nano


class UserSum(NamedTuple):
    """What changes for a user, and all that the user's calls cost and earned on the days."""

    user_id: str
    sum: CostChange
    earned: EarnedSums


class AlertDue(NamedTuple):
    """An alert that would be raised: where its spend would stand, and the percentage reached."""

    stand: BudgetPosition
    percent: Decimal


class RepricingReport(NamedTuple):
    """What late prices change: in all, by service and UTC day, and for whom most."""

    wanted: RepricingScope
    total: CostChange
    earned: EarnedSums
    services: dict[str, CostChange]
    days: dict[str, CostChange]
    users: int
    top_users: list[UserSum]
    alerts: int
    first_alerts: list[AlertDue]


class RepricingSums:
    """Adds up costs that come user by user; of the users only those that change most are kept."""

    def __init__(self) -> None:
        """Start with none."""
        self.total = CostChange()
        self.services: dict[str, CostChange] = {}
        self.days: dict[str, CostChange] = {}
        self.users = 0
        self._top: list[tuple[int, str, CostChange]] = []
        self._user: tuple[str, CostChange] | None = None

    def add(self, cost: DueCost, after_nano: int) -> None:
        """Add a cost and what it would be."""
        if self._user is None or self._user[0] != cost.user_id:
            self._finish_user()
            self._user = cost.user_id, CostChange()
        service = self.services.setdefault(cost.service, CostChange())
        day = self.days.setdefault(day_of(cost.time), CostChange())
        for one in (self.total, service, day, self._user[1]):
            one.add(cost.cost_nano, after_nano)

    def top(self) -> list[tuple[str, CostChange]]:
        """Return the users for whom most changes, most first; nothing may be added any more."""
        self._finish_user()
        self._user = None
        return [(user_id, one) for _, user_id, one in sorted(self._top, key=_most_first)]

    def _finish_user(self) -> None:
        if self._user is not None:
            self.users += 1
            user_id, one = self._user
            entry = (abs(one.difference_nano), user_id, one)
            if len(self._top) < USERS_SHOWN:
                heapq.heappush(self._top, entry)
            else:
                heapq.heappushpop(self._top, entry)


def _most_first(entry: tuple[int, str, CostChange]) -> tuple[int, str]:
    return -entry[0], entry[1]


def margin(earned: EarnedSums, change_nano: int = 0) -> str:
    """Return (charged - refunded - cost) / charged in percent, the cost changed by so much."""
    profit = earned.charged_nano - earned.refunded_nano - earned.cost_nano - change_nano
    return percent_text(profit, earned.charged_nano)
