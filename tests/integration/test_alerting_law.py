"""The law of alerts: after each commit they are exactly those of the plain definition."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.alerting import Alerting
from tests.support.alerting import USD, Key, change, just_now, raised, spend_of
from tests.support.events import Plain, charged, cost, ended, refunded, voided
from tests.support.recording import Desk, Log

users = (f"user-{number}" for number in itertools.count())
amounts = st.integers(0, 12).map(lambda cents: Decimal(cents) / 2)
ages = st.sampled_from([0, 0, 1, 40]).map(lambda days: timedelta(days=days))
limits = st.none() | st.sampled_from([0, 3 * USD, 10 * USD])
changes = st.one_of(
    limits.map(lambda nano: {"daily_limit": (True, nano)}),
    limits.map(lambda nano: {"monthly_limit": (True, nano)}),
    limits.map(lambda nano: {"call_limit": (True, nano)}),
    st.lists(
        st.sampled_from([Decimal(25), Decimal(50), Decimal(120)]), max_size=2, unique=True
    ).map(lambda percents: {"thresholds": tuple(sorted(percents))}),
)
moves = st.tuples(
    st.sampled_from(["cost", "charge", "refund", "void", "end"]), amounts, ages, st.integers(0, 1)
)
steps = st.lists(
    st.one_of(changes, st.lists(moves, min_size=1, max_size=5)), min_size=2, max_size=9
)


@pytest.mark.parametrize("basis", ["charged", "cost"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
async def test_alerts_are_exactly_those_of_the_plain_definition(
    database_url: str, basis: str, steps: list[Any]
) -> None:
    user = next(users)
    plain = _Plain(user, basis)
    log = Log()
    async with Desk(database_url, alerting=Alerting(basis)) as desk:  # type: ignore[arg-type]
        for step in steps:
            if isinstance(step, dict):
                await change(database_url, user, basis, **step)
                plain.change(step)
            else:
                batch = plain.batch(step)
                await desk.record(log.batch(batch))
            assert await raised(database_url, user) == plain.alerts


class _Plain:
    """The definition: after each commit, an alert for every threshold that a spend has reached."""

    def __init__(self, user: str, basis: str) -> None:
        self.user, self.basis, self.now = user, basis, just_now()
        self.today, self.month = f"{self.now:%Y-%m-%d}", f"{self.now:%Y-%m}"
        self.events: list[Plain] = []
        self.limits: dict[str, tuple[int | None, int]] = dict.fromkeys(
            ("daily", "monthly", "call"), (None, 0)
        )
        self.further: tuple[Decimal, ...] = ()
        self.alerts: dict[Key, bool] = {}

    def change(self, step: dict[str, Any]) -> None:
        before = dict(self.limits), self.further
        for name, value in step.items():
            if name == "thresholds":
                self.further = value
            else:
                kind = name.removesuffix("_limit")
                nano, version = self.limits[kind]
                if value[1] != nano:
                    self.limits[kind] = (value[1], version + 1)
        if (self.limits, self.further) != before:
            self._look(spend_of(self.events, self.basis), None)

    def batch(self, moves: list[tuple[str, Decimal, timedelta, int]]) -> list[Plain]:
        before = spend_of(self.events, self.basis)
        new = [self._event(*move) for move in moves]
        self.events += new
        self._look(spend_of(self.events, self.basis), before)
        return new

    def _event(self, kind: str, amount: Decimal, age: timedelta, call: int) -> Plain:
        at = self.now - age
        where: dict[str, Any] = {"call": f"{self.user}/{call}", "user": self.user, "time": at}
        if kind == "charge":
            return charged(amount=amount, fee="0.25", **where)
        if kind == "refund":
            return refunded(amount=amount, **where)
        if kind == "end":
            return ended(**where)
        mine = [
            event for event in self.events
            if event["type"] == "cost.recorded" and event["data"]["callId"] == where["call"]
        ]  # fmt: skip
        if kind == "void" and mine:
            return voided(mine[-1], **where)
        return cost(totalCost=amount, **where)

    def _look(self, now: Any, before: Any) -> None:
        """Look at all that may have been reached; `before` is None after a change of settings."""
        for (user, kind, period), spend in (now.periods | self._present(now)).items():
            is_open = period in {self.today, self.month}
            was = 0 if before is None else before.periods.get((user, kind, period), 0)
            if (spend != was) if before is not None else is_open:
                self._reach(kind, period, was, spend, closed=not is_open)
        states = expect_states(self.events)
        for (_, call_id), spend in now.calls.items():
            was = 0 if before is None else before.calls.get((self.user, call_id), 0)
            closed = states[call_id]
            if (spend != was) if before is not None else (closed is None):
                self._reach("call", call_id, was, spend, closed=bool(closed))

    def _present(self, now: Any) -> dict[tuple[str, str, str], int]:
        return {
            place: now.periods.get(place, 0)
            for place in ((self.user, "daily", self.today), (self.user, "monthly", self.month))
        }

    def _reach(self, kind: str, period: str, was: int, spend: int, *, closed: bool) -> None:
        nano, version = self.limits[kind]
        if nano is None:
            return
        for percent in {Decimal(80), Decimal(100), *self.further}:
            goal = Fraction(percent) * nano
            if spend * 100 >= goal and not (closed and was * 100 >= goal):
                self.alerts.setdefault(
                    Key(self.user, kind, period, Fraction(percent), version), closed
                )


def expect_states(events: list[Plain]) -> dict[str, bool | None]:
    """Return of each call whether its costs are old news; None while it may go on."""
    states: dict[str, bool | None] = {}
    for call in {event["data"]["callId"] for event in events}:
        of_call = [event for event in events if event["data"]["callId"] == call]
        ends = [event["time"] for event in of_call if event["type"] == "call.ended"]
        first = min(event["time"] for event in of_call)
        over = (max(ends) if ends else first) + timedelta(days=1) <= datetime.now(UTC)
        states[call] = over if ends or over else None
    return states
