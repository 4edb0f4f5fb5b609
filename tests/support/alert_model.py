"""An independent model of the alerts that must exist, by the documented definition.

After each commit there is an alert for every threshold that a spend has reached. Alerts depend on
which events were committed together and in which order; totals do not.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.support.alerting import AlertKey, PeriodSpend, spend_of
from tests.support.events import Plain

_ALWAYS = (Decimal(80), Decimal(100))
"""The thresholds of every limit: the default warning, and 100 %."""


class AlertModel:
    """The alerts of one user; `alerts` maps each to whether it is late."""

    def __init__(self, user: str, basis: str, now: datetime) -> None:
        self.user, self.basis, self.now = user, basis, now
        self.events: list[Plain] = []
        self.limits: dict[str, tuple[int | None, int]] = dict.fromkeys(
            ("daily", "monthly", "call"), (None, 0)
        )
        self.extra_thresholds: tuple[Decimal, ...] = ()
        self.alerts: dict[AlertKey, bool] = {}

    def change_limits(self) -> None:
        """Raise the alerts that are due after a change of limits or thresholds."""
        self._check_thresholds(spend_of(self.events, self.basis), None)

    def commit(self, events: Iterable[Plain]) -> None:
        """Raise the alerts that are due after these events were committed together."""
        before = spend_of(self.events, self.basis)
        self.events += events
        self._check_thresholds(spend_of(self.events, self.basis), before)

    def _check_thresholds(self, now: PeriodSpend, before: PeriodSpend | None) -> None:
        """Check all thresholds; `before` is None after a change of settings."""
        today, month = f"{self.now:%Y-%m-%d}", f"{self.now:%Y-%m}"
        present = {
            place: now.periods.get(place, 0)
            for place in ((self.user, "daily", today), (self.user, "monthly", month))
        }
        for (user, kind, period), spend in (now.periods | present).items():
            is_open = period in {today, month}
            was = 0 if before is None else before.periods.get((user, kind, period), 0)
            if (spend != was) if before is not None else is_open:
                self._raise_reached(kind, period, was, spend, closed=not is_open)
        closed = self._closed_calls()
        for (user, call_id), spend in now.calls.items():
            was = 0 if before is None else before.calls.get((user, call_id), 0)
            is_closed = closed[call_id]
            if (spend != was) if before is not None else (is_closed is None):
                self._raise_reached("call", call_id, was, spend, closed=bool(is_closed))

    def _raise_reached(self, kind: str, period: str, was: int, spend: int, *, closed: bool) -> None:
        nano, version = self.limits[kind]
        if nano is None:
            return
        for percent in {*_ALWAYS, *self.extra_thresholds}:
            goal = Fraction(percent) * nano
            if spend * 100 >= goal and not (closed and was * 100 >= goal):
                key = AlertKey(self.user, kind, period, Fraction(percent), version)
                self.alerts.setdefault(key, closed)

    def _closed_calls(self) -> dict[str, bool | None]:
        """Return for each call whether its alerts are late; None while it may be active."""
        closed: dict[str, bool | None] = {}
        for call in {event["data"]["callId"] for event in self.events}:
            of_call = [event for event in self.events if event["data"]["callId"] == call]
            ends = [event["time"] for event in of_call if event["type"] == "call.ended"]
            first = min(event["time"] for event in of_call)
            is_over = (max(ends) if ends else first) + timedelta(days=1) <= self.now
            closed[call] = is_over if ends or is_over else None
        return closed
