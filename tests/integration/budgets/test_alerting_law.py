"""After each commit the alerts are exactly those of an independent model."""

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.budgets.alerting import Alerting
from tests.support.alert_model import AlertModel
from tests.support.alerting import USD, change, just_now, raised_alerts
from tests.support.events import Plain, charged, cost, ended, refunded, voided
from tests.support.recording import BatchWriter, TopicLog

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
async def test_alerts_agree_with_an_independent_model(
    database_url: str, basis: str, steps: list[Any]
) -> None:
    user = next(users)
    plain = _ModelRun(user, basis)
    log = TopicLog()
    async with BatchWriter(database_url, alerting=Alerting(basis)) as writer:  # type: ignore[arg-type]
        for step in steps:
            if isinstance(step, dict):
                await change(database_url, user, basis, **step)
                plain.change(step)
            else:
                batch = plain.batch(step)
                await writer.record(log.batch(batch))
            assert await raised_alerts(database_url, user) == plain.alerts


class _ModelRun(AlertModel):
    """The model, with the changes and events of this test."""

    def __init__(self, user: str, basis: str) -> None:
        super().__init__(user, basis, just_now())

    def change(self, step: dict[str, Any]) -> None:
        before = dict(self.limits), self.extra_thresholds
        for name, value in step.items():
            if name == "thresholds":
                self.extra_thresholds = value
            else:
                kind = name.removesuffix("_limit")
                nano, version = self.limits[kind]
                if value[1] != nano:
                    self.limits[kind] = (value[1], version + 1)
        if (self.limits, self.extra_thresholds) != before:
            self.change_limits()

    def batch(self, moves: list[tuple[str, Decimal, timedelta, int]]) -> list[Plain]:
        new = [self._event(*move) for move in moves]
        self.commit(new)
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
