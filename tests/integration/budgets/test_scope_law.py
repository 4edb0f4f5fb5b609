"""After each commit the alerts and totals of scoped budgets are those of an independent model."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.budgets.alerting import Alerting
from ledger.budgets.budgets import Budgets
from ledger.budgets.raise_ends import end_raises
from ledger.budgets.scoped import Raise, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.database import connected
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from tests.support.alerting import USD, just_now, raised_alerts
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified
from tests.support.scope_model import ModelBudget, ScopeModel

EARLIER = timedelta(days=30)
"""The first step is so long ago that no step is in the future, whose events would be refused."""
SCOPES = (
    SpendScope("user", ""),
    SpendScope("persona", "sales"),
    SpendScope("tag.customer", "acme"),
)

users = (f"scoped-{number}" for number in itertools.count())
amounts = st.integers(0, 12).map(lambda cents: Decimal(cents) / 2)
ages = st.sampled_from([0, 0, 1, 5]).map(lambda days: timedelta(days=days))
budgets = st.tuples(
    st.sampled_from(SCOPES),
    st.sampled_from(["daily", "weekly", "monthly", "call"]),
    st.sampled_from([0, 3 * USD, 10 * USD]),
)
changes = st.one_of(
    budgets.map(lambda wanted: ("create", wanted)),
    st.tuples(st.integers(0, 3), budgets).map(lambda wanted: ("replace", wanted)),
    st.integers(0, 3).map(lambda place: ("delete", place)),
    st.tuples(st.integers(0, 3), st.sampled_from([USD, 5 * USD]), st.integers(1, 4)).map(
        lambda wanted: ("raise", wanted)
    ),
    st.sampled_from([1, 3]).map(lambda days: ("pass", days)),
)
events = st.tuples(
    st.sampled_from(["cost", "charge", "refund", "void", "end", "start", "tag"]),
    amounts,
    ages,
    st.integers(0, 2),
    st.sampled_from(["sales", "acme"]) | st.just("other"),
)
steps = st.lists(
    st.one_of(changes, st.lists(events, min_size=1, max_size=5)), min_size=2, max_size=9
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("basis", ["charged", "cost"])
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.lists(budgets, min_size=1, max_size=2), steps=steps)
async def test_alerts_and_totals_of_scopes_agree_with_an_independent_model(
    database_url: str, basis: str, first: list[Any], steps: list[Any]
) -> None:
    start = just_now() - EARLIER
    model, log = ScopeModel(next(users), basis, start), TopicLog()
    login = as_login(database_url, "api")
    async with (
        reader_pool(login, connections_max=1) as readers,
        BatchWriter(
            database_url,
            alerting=Alerting(basis),  # type: ignore[arg-type]
            now=lambda: model.now,
        ) as writer,
    ):
        run = _Run(model, readers, database_url)
        for step in [*(("create", wanted) for wanted in first), *steps]:
            if isinstance(step, tuple):
                await run.change(*step)
            else:
                batch = run.batch(step)
                model.commit(batch)
                await writer.record(log.batch(batch))
            assert await raised_alerts(database_url, model.user) == model.alerts
            await run.check_spend()
    await assert_verified(database_url)


class _Run:
    """Makes the changes and events of the model, and the same changes as the API does."""

    def __init__(self, model: ScopeModel, readers: ReaderPool, database_url: str) -> None:
        self._model = model
        self._database_url = database_url
        self._budgets = ScopedBudgets(Budgets(readers, model.basis, 80))  # type: ignore[arg-type]
        self._viewer = Viewer(model.user)

    async def change(self, kind: str, what: Any) -> None:
        model, keys = self._model, list(self._model.budgets)
        if kind == "pass":
            model.now += timedelta(days=what)
            await self._end_raises()
            return
        if kind == "create":
            scope, period, nano = what
            wanted = BudgetSettings(scope, period, nano, None, True, None)
            created = await self._budgets.create(self._viewer, model.user, wanted, model.now)
            version = model.next_version()
            key = created.budget.budget_id
            model.budgets[key] = ModelBudget(scope, period, nano, version)
        elif kind == "replace" and keys:
            place, (scope, period, nano) = what
            key = keys[place % len(keys)]
            await self._replace(key, ModelBudget(scope, period, nano, 0))
        elif kind == "raise" and keys:
            place, more, days = what
            key = keys[place % len(keys)]
            budget = model.budgets[key]
            raised = (budget.nano + more, model.now + timedelta(days=days))
            await self._replace(key, replace(budget, raised=raised))
        elif kind == "delete" and keys:
            key = keys[what % len(keys)]
            assert await self._budgets.delete(self._viewer, model.user, key, model.now)
            del model.budgets[key]
        model.review()

    async def _replace(self, key: str, after: ModelBudget) -> None:
        model, before = self._model, self._model.budgets[key]
        raised = after.raised and Raise(*after.raised)
        period: Any = after.period
        wanted = BudgetSettings(after.scope, period, after.nano, None, True, raised)
        assert await self._budgets.replace(self._viewer, model.user, key, wanted, model.now)
        after.version = before.version
        if after != before:
            after.version = model.next_version() + (after.raised is not None)
        model.budgets[key] = after

    async def _end_raises(self) -> None:
        """End the raises that are over, as a worker does."""
        model = self._model
        async with connected(self._database_url, name="test") as connection:
            await end_raises(connection, Alerting(model.basis), model.now)  # type: ignore[arg-type]
        ended = [b for b in model.budgets.values() if b.raised and b.raised[1] <= model.now]
        for budget in ended:
            budget.raised = None
        if ended:
            model.review()

    async def check_spend(self) -> None:
        """Assert the spend of each budget in its present period."""
        model = self._model
        for found in await self._budgets.read(self._viewer, model.user, model.now):
            if found.period is not None:
                spend = model.spend(model.budgets[found.budget.budget_id])
                assert found.spend_nano == spend.periods.get(found.period.label, 0)

    def batch(self, wanted: list[tuple[str, Decimal, timedelta, int, str]]) -> list[Plain]:
        new: list[Plain] = []
        for kind, amount, age, call, name in wanted:
            new.append(self._event(kind, amount, self._model.now - age, call, name, new))
        return new

    def _event(
        self, kind: str, amount: Decimal, at: datetime, call: int, name: str, new: list[Plain]
    ) -> Plain:
        user = self._model.user
        where: dict[str, Any] = {"call": f"{user}/{call}", "user": user, "time": at}
        if kind == "charge":
            return charged(amount=amount, fee="0.25", **where)
        if kind == "refund":
            return refunded(amount=amount, **where)
        if kind == "end":
            return ended(**where)
        if kind == "start":
            return started(**where, persona=name)
        if kind == "tag":
            return cost(totalCost=amount, tags={"customer": name}, **where)
        mine = [
            event for event in [*self._model.events, *new]
            if event["type"] == "cost.recorded" and event["data"]["callId"] == where["call"]
        ]  # fmt: skip
        if kind == "void" and mine:
            return voided(mine[-1], **where)
        return cost(totalCost=amount, **where)
