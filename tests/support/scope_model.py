"""An independent model of the alerts and totals of scoped budgets, by the documented definition.

After each commit there is an alert for every threshold that a changed spend has reached. A persona
or a tag has the spend of the calls that have it now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ledger.budgets.scoped import SpendScope
from tests.support.alerting import AlertKey
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.totals import CallFigures

_THRESHOLDS = (Decimal(80), Decimal(100))
_LABELS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m"}


@dataclass
class ModelBudget:
    """A budget; a raise is its limit and its end."""

    scope: SpendScope
    period: str
    nano: int
    version: int
    raised: tuple[int, datetime] | None = None

    def limit(self, now: datetime) -> tuple[int, int]:
        """Return the limit that applies, and its version."""
        if self.raised is not None and now < self.raised[1]:
            return self.raised[0], self.version - 1
        return self.nano, self.version


class Spend(NamedTuple):
    """The spend by period, and of calls their cost: nano-dollars."""

    periods: Mapping[str, int]
    calls: Mapping[str, int]


@dataclass
class ScopeModel:
    """The scoped budgets of one user in UTC; `alerts` maps each to whether it is late."""

    user: str
    basis: str
    now: datetime
    events: list[Plain] = field(default_factory=list)
    budgets: dict[str, ModelBudget] = field(default_factory=dict)
    alerts: dict[AlertKey, bool] = field(default_factory=dict)

    def commit(self, events: Iterable[Plain]) -> None:
        """Raise the alerts that are due after these events were committed together."""
        before = {key: self.spend(budget) for key, budget in self.budgets.items()}
        self.events += events
        for key, budget in self.budgets.items():
            self._check_changes(key, budget, before[key], self.spend(budget))

    def review(self) -> None:
        """Raise the alerts that are due after a change of budgets, or after the end of a raise."""
        for key, budget in self.budgets.items():
            spend = self.spend(budget)
            if budget.period == "call":
                for call_id, nano in spend.calls.items():
                    if self._closes_at(call_id) is None:
                        self._reach(key, budget, call_id, 0, nano, closed=False)
            else:
                label = self.now.strftime(_LABELS[budget.period])
                self._reach(key, budget, label, 0, spend.periods.get(label, 0), closed=False)

    def next_version(self) -> int:
        """Return the version of the next limit."""
        return 1 + max((budget.version for budget in self.budgets.values()), default=0)

    def spend(self, budget: ModelBudget) -> Spend:
        """Return the spend of a budget's scope."""
        periods: dict[str, int] = defaultdict(int)
        calls: dict[str, int] = {}
        for call_id, call in expect(self.events).totals.calls.items():
            if not budget.scope.matches(call.persona_id, call.tags or {}):
                continue
            calls[call_id] = sum(call.costs.values())
            if budget.period != "call":
                for day, nano in self._days(call).items():
                    periods[date.fromisoformat(day).strftime(_LABELS[budget.period])] += nano
        return Spend(periods, calls)

    def _days(self, call: CallFigures) -> dict[str, int]:
        days: dict[str, int] = defaultdict(int)
        if self.basis == "cost":
            for (day, _), nano in call.costs.items():
                days[day] += nano
        else:
            for day, (charged, refunded) in call.charges.items():
                days[day] += charged - refunded
        return days

    def _check_changes(self, key: str, budget: ModelBudget, before: Spend, after: Spend) -> None:
        if budget.period == "call":
            for call_id, nano in after.calls.items():
                was = before.calls.get(call_id, 0)
                if nano != was:
                    closes_at = self._closes_at(call_id)
                    closed = closes_at is not None and closes_at <= self.now
                    self._reach(key, budget, call_id, was, nano, closed=closed)
            return
        present = self.now.strftime(_LABELS[budget.period])
        for label in before.periods.keys() | after.periods.keys():
            was, nano = before.periods.get(label, 0), after.periods.get(label, 0)
            if was != nano:
                self._reach(key, budget, label, was, nano, closed=label < present)

    def _reach(
        self, key: str, budget: ModelBudget, period: str, was: int, nano: int, *, closed: bool
    ) -> None:
        limit, version = budget.limit(self.now)
        for percent in _THRESHOLDS:
            goal = Fraction(percent) * limit
            if nano * 100 >= goal and not (closed and was * 100 >= goal):
                place = f"{key} {period}"
                alert = AlertKey(self.user, budget.period, place, Fraction(percent), version)
                self.alerts.setdefault(alert, closed)

    def _closes_at(self, call_id: str) -> datetime | None:
        """Return when a call closes: a day after its end, or after its start; None if it is open.

        An ended call is never active, whenever it closes.
        """
        of_call = [e for e in self.events if e["data"]["callId"] == call_id]
        ends = [e["time"] for e in of_call if e["type"] == "call.ended"]
        starts = [e["time"] for e in of_call if e["type"] == "call.started"]
        start = min(starts) if starts else min(e["time"] for e in of_call)
        closes_at: datetime = (max(ends) if ends else start) + timedelta(days=1)
        return closes_at if ends or closes_at <= self.now else None
