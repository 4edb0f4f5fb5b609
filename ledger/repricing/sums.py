"""Sums what late prices would change, cost by cost and with bounded memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.budgets.thresholds import BudgetPosition
from ledger.calls.periods import day_of
from ledger.repricing.recorded_costs import DueCost
from ledger.repricing.rows import Earnings, RepricingScope
from ledger.repricing.settlement_preview import SettledChange
from schemas.money import percent_text

USERS_SHOWN: Final = 50
ALERTS_SHOWN: Final = 100
CHARGES_SHOWN: Final = 20


class CostChange:
    """The number of costs, and their sums before and after, in nano-dollars.

    `charged_nano` is what the change adds to charges.
    """

    __slots__ = ("after_nano", "before_nano", "charged_nano", "costs")

    def __init__(self) -> None:
        self.costs = self.before_nano = self.after_nano = self.charged_nano = 0

    def add(self, before_nano: int, after_nano: int, costs: int = 1) -> None:
        self.costs += costs
        self.before_nano += before_nano
        self.after_nano += after_nano

    @property
    def difference_nano(self) -> int:
        return self.after_nano - self.before_nano


class ChargeChange(NamedTuple):
    """The number of calls with another charge, and the sums of these charges, in nano-dollars."""

    calls: int = 0
    before_nano: int = 0
    after_nano: int = 0

    @property
    def difference_nano(self) -> int:
        return self.after_nano - self.before_nano


class UserSum(NamedTuple):
    """The change of a user's costs, and the user's earnings on the days of the report."""

    user_id: str
    change: CostChange
    earnings: Earnings


class AlertDue(NamedTuple):
    """An alert that would be raised: the budget position, and the percentage reached."""

    position: BudgetPosition
    percent: Decimal


class RepricingReport(NamedTuple):
    """What late prices change: in total, by service, by UTC day, and for the top users.

    `charges` are those that follow the costs, `first_charges` some of them.
    """

    scope: RepricingScope
    total: CostChange
    earnings: Earnings
    services: dict[str, CostChange]
    days: dict[str, CostChange]
    users: int
    top_users: list[UserSum]
    charges: ChargeChange
    first_charges: list[SettledChange]
    alerts: int
    first_alerts: list[AlertDue]


class RepricingSums:
    """Sums costs that arrive user by user; keeps only the users with the largest changes."""

    def __init__(self) -> None:
        self.total = CostChange()
        self.services: dict[str, CostChange] = {}
        self.days: dict[str, CostChange] = {}
        self.charges = ChargeChange()
        self.first_charges: list[SettledChange] = []
        self.users = 0
        self._top: list[tuple[int, str, CostChange]] = []
        self._user: tuple[str, CostChange] | None = None

    def add(self, cost: DueCost, after_nano: int) -> None:
        """Add a cost and what it would be after its correction."""
        for change in self._sums_of(cost):
            change.add(cost.cost_nano, after_nano)

    def add_settled(self, settled: SettledChange) -> None:
        """Add roundings or a fee of a call, which are not recorded costs."""
        for change in self._sums_of(settled):
            change.add(settled.before_nano, settled.after_nano, costs=0)

    def add_charge(self, charge: SettledChange) -> None:
        """Add the charge of a call that follows its costs."""
        calls, before_nano, after_nano = self.charges
        self.charges = ChargeChange(
            calls + 1, before_nano + charge.before_nano, after_nano + charge.after_nano
        )
        if len(self.first_charges) < CHARGES_SHOWN:
            self.first_charges.append(charge)
        for change in self._sums_of(charge):
            change.charged_nano += charge.difference_nano

    def _sums_of(self, changed: DueCost | SettledChange) -> Iterator[CostChange]:
        if self._user is None or self._user[0] != changed.user_id:
            self._finish_user()
            self._user = changed.user_id, CostChange()
        yield self.total
        yield self.services.setdefault(changed.service, CostChange())
        yield self.days.setdefault(day_of(changed.time), CostChange())
        yield self._user[1]

    def top(self) -> list[tuple[str, CostChange]]:
        """Return the users with the largest changes, largest first. Call it last."""
        self._finish_user()
        self._user = None
        return [(user_id, change) for _, user_id, change in sorted(self._top, key=_by_size)]

    def _finish_user(self) -> None:
        if self._user is not None:
            self.users += 1
            user_id, change = self._user
            entry = (abs(change.difference_nano), user_id, change)
            if len(self._top) < USERS_SHOWN:
                heapq.heappush(self._top, entry)
            else:
                heapq.heappushpop(self._top, entry)


def _by_size(entry: tuple[int, str, CostChange]) -> tuple[int, str]:
    return -entry[0], entry[1]


def margin(earnings: Earnings, change: CostChange | None = None) -> str:
    """Return (charged - refunded - cost) / charged in percent, if given after a change."""
    charged_nano, cost_nano = earnings.charged_nano, earnings.cost_nano
    if change is not None:
        charged_nano += change.charged_nano
        cost_nano += change.difference_nano
    return percent_text(charged_nano - earnings.refunded_nano - cost_nano, charged_nano)
