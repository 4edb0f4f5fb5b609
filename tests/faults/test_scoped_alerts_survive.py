"""Budgets of tags and of a user while workers are killed: each alert exists once.

Calls have one tag from their first event on, so that the expected alerts follow from the final
spend of each scope, in any order of the events.
"""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from ledger.budgets.budgets import Budgets
from ledger.budgets.scoped import SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets
from ledger.postgres.viewers import Viewer, reader_pool
from schemas.alerts import AlertType
from tests.support.alerting import USD, AlertKey, alert_rows
from tests.support.expected import expect
from tests.support.fault_load import USER, FaultLoad
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.killed_workers import run_and_kill
from tests.support.logins import as_login
from tests.support.recording import assert_verified
from tests.support.scope_model import ModelBudget, ScopeModel
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

EVENTS = 4_000
WORKERS = 3
KILL_SECONDS = 2
SECONDS_MAX = 240
TAGS = ("acme", "initech", "hooli")
BUDGETS: tuple[tuple[SpendScope, AlertType, int], ...] = (
    (SpendScope("tag.customer", "acme"), "daily", 5 * USD),
    (SpendScope("tag.customer", "acme"), "weekly", 10 * USD),
    (SpendScope("tag.customer", "initech"), "monthly", 20 * USD),
    (SpendScope("tag.customer", "hooli"), "daily", 15 * USD),
    (SpendScope("user", ""), "weekly", 40 * USD),
)


@pytest.mark.timeout(SECONDS_MAX)
async def test_alerts_of_scopes_exist_once_despite_killed_workers(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    load = FaultLoad(pipeline, EVENTS)
    for event in load.events:
        number = int(event["data"]["callId"].removeprefix("call-"))
        event["data"] |= {"tags": {"customer": TAGS[number % len(TAGS)]}}
    ids = await _create_budgets(pipeline.database_url)
    await load.send()
    workers = [
        WorkerProcess(pipeline, tmp_path / str(number), batch_max=200) for number in range(WORKERS)
    ]
    kills = await run_and_kill(load, workers, KILL_SECONDS, seed=34)
    expected = expect(load.events).totals
    totals = await read_totals(pipeline.database_url)
    found = [key for key, _ in await alert_rows(pipeline.database_url)]
    record_fault(
        f"{WORKERS} workers killed {kills} times, alerts of scopes, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
        alerts=AlertFigures.of(_expected_alerts(load, ids), found),
    )
    assert totals == expected
    await assert_verified(pipeline.database_url)


async def _create_budgets(database_url: str) -> list[str]:
    ids = []
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = ScopedBudgets(Budgets(readers, "charged", 80))
        for scope, period, nano in BUDGETS:
            wanted = BudgetSettings(scope, period, nano, None, True, None)
            created = await budgets.create(Viewer(USER), USER, wanted, datetime.now().astimezone())
            ids.append(created.budget.budget_id)
    return ids


def _expected_alerts(load: FaultLoad, ids: list[str]) -> set[AlertKey]:
    """Return an alert for each threshold that the final spend of a scope's period reaches."""
    model = ScopeModel(USER, "charged", datetime.now().astimezone(), load.events)
    return {
        AlertKey(USER, period, f"{key} {label}", Fraction(percent), version)
        for version, (key, (scope, period, nano)) in enumerate(zip(ids, BUDGETS, strict=True), 1)
        for label, spend in model.spend(ModelBudget(scope, period, nano, 1)).periods.items()
        for percent in (80, 100)
        if spend * 100 >= percent * nano
    }
