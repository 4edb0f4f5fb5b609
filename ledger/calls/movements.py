"""Changes of the totals of users' days: what a call adds now, less what it added before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.calls.call import Call, first_day
from ledger.calls.periods import Day
from ledger.calls.rating import RatedCost

UserDayCostKey = tuple[str, Day, str, str]
"""A row of `user_day_costs`: user, day, persona, service."""

UserDayKey = tuple[str, Day, str]
"""A row of `user_days`: user, day, persona."""


class UserDayChange(NamedTuple):
    """The change of a row of `user_days`."""

    calls: int = 0
    duration_ms: int = 0
    charged_nano: int = 0
    refunded_nano: int = 0


class BatchMovements:
    """The sum of the changes of one batch."""

    def __init__(self) -> None:
        self._costs: dict[UserDayKey, dict[str, int]] = {}
        self.days: dict[UserDayKey, UserDayChange] = {}

    def move(self, before: Call | None, after: Call) -> None:
        """Add the difference between a call as last committed and as it is now."""
        if before is not None and before.user_id is not None:
            self._add_costs(before, -1)
            self._add_days(before, -1)
        if after.user_id is not None:
            self._add_costs(after, 1)
            self._add_days(after, 1)

    def add_costs(self, call: Call, costs: Iterable[RatedCost]) -> None:
        """Add costs of a call whose owner and persona do not change."""
        sums: dict[str, int] = {}
        day = ""
        for cost in costs:
            if cost.day != day:
                day = cost.day
                sums = self._services(call, day)
            sums[cost.service] = sums.get(cost.service, 0) + cost.cost_nano

    def _services(self, call: Call, day: Day) -> dict[str, int]:
        return self._costs.setdefault((call.user_id or "", day, call.persona_id or ""), {})

    def _add_costs(self, call: Call, sign: int) -> None:
        for day, services in call.costs.items():
            sums = self._services(call, day)
            for service, nano in services.items():
                sums[service] = sums.get(service, 0) + sign * nano

    def _add_days(self, call: Call, sign: int) -> None:
        day = first_day(call)
        if day is not None:
            self._add_day(call, day, UserDayChange(sign, sign * call.duration_ms))
        for charge_day, (charged, refunded) in call.charges.items():
            self._add_day(call, charge_day, UserDayChange(0, 0, sign * charged, sign * refunded))

    def _add_day(self, call: Call, day: Day, change: UserDayChange) -> None:
        key = (call.user_id or "", day, call.persona_id or "")
        known = self.days.get(key, UserDayChange())
        self.days[key] = UserDayChange(*map(sum, zip(known, change, strict=True)))

    def cost_days_before(self, day: Day) -> set[tuple[str, Day]]:
        """Return user and day of the costs that changed before a day."""
        return {key[:2] for key in self._costs if key[1] < day}

    def changed_days(self) -> dict[UserDayKey, UserDayChange]:
        """Return the changes of `user_days` that are not zero."""
        return {key: change for key, change in self.days.items() if any(change)}

    def changed_costs(self) -> dict[UserDayCostKey, int]:
        """Return the changes of `user_day_costs` that are not zero."""
        return {
            (*key, service): nano
            for key, services in self._costs.items()
            for service, nano in services.items()
            if nano
        }
