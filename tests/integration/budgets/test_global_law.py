"""The alerts of global budgets are those of the plain definition, whatever is counted and when.

At a review, there is an alert for each threshold that the spend of a period has reached. It is late
if the period had ended at the review before. Only a sweep, the first review of a minute, finds such
periods, since the limit applies.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.scoped import Raise, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.budgets.tag_totals import sum_tags
from ledger.postgres.database import Connection, connected
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.alerting import USD, AlertKey, just_now, raised_alerts
from tests.support.events import Plain, charged, cost, refunded, voided
from tests.support.expected import expect
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until
from tests.support.totals import CallFigures

EARLIER = timedelta(days=40)
ROOT = Viewer("root", reads_all=True)
SCOPES = (
    SpendScope("all", ""), SpendScope("service", "twilio"), SpendScope("service", "stripe"),
    SpendScope("tag.customer", "acme"), SpendScope("tag.customer", "other"),
)  # fmt: skip
LABELS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m"}

numbers = itertools.count()
counted: dict[str, list[Plain]] = defaultdict(list)
"""The events in each database, those of earlier examples included: all users share the totals."""
amounts = st.integers(0, 12).map(lambda cents: Decimal(cents) / 2)
budgets = st.tuples(
    st.sampled_from(SCOPES),
    st.sampled_from(sorted(LABELS)),
    st.sampled_from([0, 3 * USD, 10 * USD, 40 * USD]),
)
events = st.tuples(
    st.sampled_from(["cost", "charge", "refund", "void", "acme", "other"]), amounts,
    st.sampled_from([0, 0, 1, 6]).map(lambda days: timedelta(days=days)), st.integers(0, 2),
)  # fmt: skip
steps = st.lists(
    st.one_of(
        st.lists(events, min_size=1, max_size=4).map(lambda batch: ("record", batch)),
        budgets.map(lambda wanted: ("create", wanted)),
        st.tuples(st.integers(0, 3), budgets).map(lambda wanted: ("replace", wanted)),
        st.tuples(st.integers(0, 3), st.integers(1, 4)).map(lambda wanted: ("raise", wanted)),
        st.integers(0, 3).map(lambda place: ("delete", place)),
        st.sampled_from([timedelta(seconds=20), timedelta(hours=7), timedelta(days=2)]).map(
            lambda pause: ("pass", pause)
        ),
    ),
    min_size=2, max_size=9,
)  # fmt: skip


LATE_CHARGE: list[Any] = [
    ("pass", timedelta(days=2)),
    ("record", [("charge", Decimal(5), timedelta(days=1), 0)]),
    ("pass", timedelta(hours=7)),
]
"""A charge of a day that has ended, then another minute, whose first review is a sweep."""

LATE_TAG: list[Any] = [
    ("record", [("charge", Decimal(6), timedelta(0), 0), ("acme", Decimal(0), timedelta(0), 0)]),
    ("pass", timedelta(days=2)),
    ("record", [("other", Decimal(0), timedelta(days=6), 0)]),
    ("pass", timedelta(hours=7)),
]
"""A tag that arrives days later and moves the spend of a day that has ended."""


@dataclass
class ModelBudget:
    """A budget; `since` is when its limit was changed, a raise is its limit and its end."""

    scope: SpendScope
    period: str
    nano: int
    version: int
    since: datetime
    raised: tuple[int, datetime] | None = None

    def limit(self, now: datetime) -> tuple[int, int, datetime]:
        """Return the limit that applies, its version, and since when it applies."""
        if self.raised is None:
            return self.nano, self.version, self.since
        if now < self.raised[1]:
            return self.raised[0], self.version - 1, self.since
        return self.nano, self.version, self.raised[1]


@dataclass
class GlobalModel:
    """The plain definition."""

    basis: str
    now: datetime
    events: list[Plain]
    budgets: dict[str, ModelBudget] = field(default_factory=dict)
    reviewed_at: datetime | None = None
    alerts: dict[AlertKey, bool] = field(default_factory=dict)

    def review(self) -> None:
        """Decide all budgets as a worker does."""
        if not self.budgets:
            return
        limits = {key: budget.limit(self.now) for key, budget in self.budgets.items()}
        last = self.reviewed_at or min(since for _, _, since in limits.values())
        is_sweep = last < self.now.replace(second=0, microsecond=0)
        for key, (_, _, since) in limits.items():
            form = LABELS[self.budgets[key].period]
            for day in _days(since.date(), self.now.date()):
                label = day.strftime(form)
                is_late = label < last.strftime(form)
                if is_sweep or not is_late:
                    self._decide(key, label, is_late=is_late)
        self.reviewed_at = self.now

    def decide_present(self) -> None:
        """Decide the present periods, as a change of budgets does."""
        for key, budget in self.budgets.items():
            self._decide(key, self.now.strftime(LABELS[budget.period]), is_late=False)

    def spend(self, budget: ModelBudget) -> dict[str, int]:
        """Return the spend of a budget by period."""
        totals, sums = expect(self.events).totals, defaultdict[str, int](int)
        key, value = budget.scope.dimension.removeprefix("tag."), budget.scope.value
        if key != budget.scope.dimension:
            for call in totals.calls.values():
                if call.tags.get(key) == value:
                    for day, nano in spend_by_day(call, self.basis):
                        sums[date.fromisoformat(day).strftime(LABELS[budget.period])] += nano
            return sums
        is_cost = self.basis == "cost" or budget.scope.dimension == "service"
        days: list[tuple[str, int]] = [
            (day, nano)
            for (_, day, _, service), nano in totals.user_day_costs.items()
            if is_cost and budget.scope.value in {"", service}
        ]
        if not is_cost:
            days = [(key[1], got[2] - got[3]) for key, got in totals.user_days.items()]
        for day, nano in days:
            sums[date.fromisoformat(day).strftime(LABELS[budget.period])] += nano
        return sums

    def _decide(self, key: str, label: str, *, is_late: bool) -> None:
        budget = self.budgets[key]
        limit, version, _ = budget.limit(self.now)
        for percent in (80, 100):
            if self.spend(budget).get(label, 0) * 100 >= percent * limit:
                place = AlertKey("", budget.period, f"{key} {label}", Fraction(percent), version)
                self.alerts.setdefault(place, is_late)


def spend_by_day(call: CallFigures, basis: str) -> list[tuple[str, int]]:
    """Return the spend of a call by UTC day."""
    if basis == "cost":
        return [(day, nano) for (day, _), nano in call.costs.items()]
    return [(day, charge - refund) for day, (charge, refund) in call.charges.items()]


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


class _Run:
    """Makes the steps in the model and in the database."""

    def __init__(
        self, model: GlobalModel, stored: ScopedBudgets, writer: BatchWriter, connection: Connection
    ) -> None:
        self._model, self._stored = model, stored
        self._writer, self._connection = writer, connection
        self._alerting = Alerting(model.basis)  # type: ignore[arg-type]
        self._log, self._name = TopicLog(), f"global-{next(numbers)}"

    async def step(self, kind: str, what: Any) -> None:
        model, keys = self._model, list(self._model.budgets)
        if kind == "record":
            batch = [self._event(*each) for each in what]
            model.events += batch
            await self._writer.record(self._log.batch(batch))
        elif kind == "create":
            scope, period, nano = what
            wanted = BudgetSettings(scope, period, nano, None, False, None)
            status = await self._stored.create(ROOT, "", wanted, model.now)
            budget = ModelBudget(scope, period, nano, self._next_version(), model.now)
            model.budgets[status.budget.budget_id] = budget
            model.decide_present()
        elif kind == "pass":
            model.now += what
        elif keys:
            await self._change(
                kind, keys[(what if kind == "delete" else what[0]) % len(keys)], what
            )

    async def review(self) -> None:
        async def is_summed() -> bool:
            return await sum_tags(self._connection, self._model.now)

        await until(is_summed)
        self._model.review()
        await review_global_budgets(self._connection, self._alerting, self._model.now)
        self._model.now += timedelta(seconds=1)

    async def _change(self, kind: str, key: str, what: Any) -> None:
        model, before = self._model, self._model.budgets[key]
        if kind == "delete":
            del model.budgets[key]
            assert await self._stored.delete(ROOT, "", key, model.now)
        else:
            after = self._after(kind, before, what[1])
            raised = after.raised and Raise(*after.raised)
            wanted = BudgetSettings(after.scope, after.period, after.nano, None, False, raised)  # type: ignore[arg-type]
            assert await self._stored.replace(ROOT, "", key, wanted, model.now)
            if replace(after, since=before.since) != before:
                after.version = self._next_version() + (after.raised is not None)
                after.since = model.now
            model.budgets[key] = after
        for budget in model.budgets.values():  # a change ends the raises that are over
            if budget.raised is not None and budget.raised[1] <= model.now:
                budget.since, budget.raised = budget.raised[1], None
        model.decide_present()

    def _after(self, kind: str, before: ModelBudget, what: Any) -> ModelBudget:
        if kind == "raise":
            until = self._model.now + timedelta(days=what)
            return replace(before, raised=(before.nano + 5 * USD, until))
        scope, period, nano = what
        return ModelBudget(scope, period, nano, before.version, before.since)

    def _next_version(self) -> int:
        return 1 + max((budget.version for budget in self._model.budgets.values()), default=0)

    def _event(self, kind: str, amount: Decimal, age: timedelta, call: int) -> Plain:
        where: dict[str, Any] = {
            "call": f"{self._name}/{call}", "user": f"{self._name}-{call}",
            "time": self._model.now - age,
        }  # fmt: skip
        if kind == "charge":
            return charged(amount=amount, fee="0.25", **where)
        if kind == "refund":
            return refunded(amount=amount, **where)
        if kind in {"acme", "other"}:
            where["tags"] = {"customer": kind}
        mine = [e for e in self._model.events if e["type"] == "cost.recorded"]
        mine = [event for event in mine if event["data"]["callId"] == where["call"]]
        if kind == "void" and mine:
            return voided(mine[-1], **where)
        return cost(totalCost=amount, service=("twilio", "deepgram", "twilio")[call], **where)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("basis", ["charged", "cost"])
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.lists(budgets, min_size=1, max_size=2), steps=steps)
@example(first=[(SCOPES[0], "daily", 3 * USD)], steps=LATE_CHARGE)
@example(first=[(scope, "daily", 3 * USD) for scope in SCOPES[3:]], steps=LATE_TAG)
async def test_alerts_of_global_budgets_agree_with_the_plain_definition(
    database_url: str, basis: Any, first: list[Any], steps: list[Any]
) -> None:
    for table in ("user_budget_settings", "budget_alerts"):
        await fetch(database_url, f"DELETE FROM {table} WHERE user_id = ''")
    model = GlobalModel(basis, just_now() - EARLIER, counted[database_url])
    async with (
        reader_pool(as_login(database_url, "api"), connections_max=1) as readers,
        connected(as_login(database_url, "worker"), name="test") as connection,
        BatchWriter(database_url, now=lambda: model.now) as writer,
    ):
        run = _Run(model, ScopedBudgets(Budgets(readers, basis, 80)), writer, connection)
        for step in [*(("create", wanted) for wanted in first), *steps]:
            await run.step(*step)
            await run.review()
            assert await raised_alerts(database_url, "") == model.alerts
    await assert_verified(database_url)
