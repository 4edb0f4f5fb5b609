"""Applies late prices to costs that were recorded before them: the use case.

The preview returns what would change, by user, and the alerts that would be raised. The
correction voids costs and records them again in chunks, each in one transaction. A chunk is applied
to the ledger like a batch of events, so totals, versions and alerts follow the same rules. Its
transaction locks the calls and then reads which of the costs still count, so other writers may
change calls concurrently. A new run continues a stopped correction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ledger.budgets.alerting import Alerting
from ledger.calls.rating import Incoming
from ledger.postgres.database import Connection, connected
from ledger.prices.reading import read_catalogue
from ledger.recording.ledger import Ledger
from ledger.repricing.alert_preview import AlertPreview
from ledger.repricing.applying import apply_events
from ledger.repricing.corrections import (
    TICK,
    Rates,
    corrected_nano,
    correcting_events,
    due_spans,
)
from ledger.repricing.recorded_costs import RecordedCostKey
from ledger.repricing.rows import (
    Earnings,
    RepricingScope,
    counted_costs,
    due_costs,
    lock_calls,
    lock_repricing,
    read_earnings,
    read_user_earnings,
    used_prices,
)
from ledger.repricing.settlement_preview import SettlementPreview
from ledger.repricing.sums import ALERTS_SHOWN, AlertDue, RepricingReport, RepricingSums, UserSum
from schemas.alerts import SpendBasis

CHUNK_COSTS: Final = 1_000
_NAME: Final = "cost-analytics rerate"

OnCount = Callable[[int], None]
"""Receives the number of costs so far."""


class RepricingBusyError(Exception):
    """Another process is applying prices."""


class RepricingResult(NamedTuple):
    """The number of corrected costs and of raised alerts, and whether all costs are corrected."""

    costs: int
    alerts: int
    complete: bool


class Repricer:
    """Previews and applies late prices."""

    def __init__(self, url: str, basis: SpendBasis = "charged") -> None:
        """`url` logs in as the owner of the database; `basis` is the spend basis of budgets."""
        self._url = url
        self._basis = basis

    async def preview(
        self,
        scope: RepricingScope,
        progress: OnCount = lambda _: None,
        *,
        changes_charges: bool = False,
    ) -> RepricingReport:
        """Return what applying would change; raises OSError or a PostgreSQL error."""
        async with self._snapshot() as connection:
            rates = Rates(await read_catalogue(connection))
            sums, alerts = RepricingSums(), _Alerts()
            preview = AlertPreview(connection, self._basis, datetime.now(UTC))
            spans = list(due_spans(rates, await used_prices(connection, scope)))
            settlements = SettlementPreview(
                connection, rates.catalogue, changes_charges=changes_charges
            )

            async def add_settled(next_call: str | None) -> None:
                changes = await settlements.next_call(next_call)
                for cost in changes.costs:
                    sums.add_settled(cost)
                    alerts.add(await preview.add(cost, cost.difference_nano))
                if changes.charge is not None:
                    sums.add_charge(changes.charge)
                    preview.add_charge(changes.charge)

            async for cost in due_costs(connection, spans, scope):
                corrected = rates.correction(cost)
                if corrected is None:
                    continue
                await add_settled(cost.call_id)
                after_nano = corrected_nano(cost, corrected)
                settlements.add(cost, corrected, after_nano)
                sums.add(cost, after_nano)
                alerts.add(await preview.add(cost, after_nano - cost.cost_nano))
                progress(sums.total.costs)
            await add_settled(None)
            alerts.add(await preview.finish())
            return await _report(connection, scope, sums, alerts)

    async def apply(
        self,
        scope: RepricingScope,
        *,
        costs_max: int | None = None,
        changes_charges: bool = False,
        stop: asyncio.Event | None = None,
        progress: OnCount = lambda _: None,
    ) -> RepricingResult:
        """Correct the costs that late prices change, up to a number or until `stop`.

        With `changes_charges`, charges at cost plus a markup follow the corrected costs.

        Raises RepricingBusyError, RepricingRefusedError, OSError or a PostgreSQL error; complete
        chunks may have been corrected then, and a new run continues after them.
        """
        async with self._snapshot() as connection, connected(self._url, name=_NAME) as writing:
            if not await lock_repricing(writing):
                raise RepricingBusyError
            rates = Rates(await read_catalogue(connection))
            corrections = _Corrections(writing, rates, self._basis, changes_charges=changes_charges)
            spans = list(due_spans(rates, await used_prices(connection, scope)))
            keys: list[RecordedCostKey] = []
            room, complete = costs_max, True
            async for cost in due_costs(connection, spans, scope):
                if rates.correction(cost) is None:
                    continue
                if room == 0 or (stop is not None and stop.is_set()):
                    complete = False
                    break
                room = None if room is None else room - 1
                keys.append((cost.identity, cost.call_id))
                if len(keys) >= CHUNK_COSTS:
                    await corrections.correct(keys)
                    progress(corrections.costs)
                    keys = []
            await corrections.correct(keys)
            return RepricingResult(corrections.costs, corrections.alerts, complete)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        """Open a read-only transaction on one snapshot."""
        async with (
            connected(self._url, name=_NAME) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


class _Alerts:
    """Counts the alerts of a preview, and keeps the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[AlertDue] = []

    def add(self, due: Sequence[AlertDue]) -> None:
        self.count += len(due)
        self.first += due[: ALERTS_SHOWN - len(self.first)]


async def _report(
    connection: Connection, scope: RepricingScope, sums: RepricingSums, alerts: _Alerts
) -> RepricingReport:
    days = scope.since.date(), (scope.until - TICK).date()
    top = sums.top()
    user_earnings = await read_user_earnings(connection, *days, [user_id for user_id, _ in top])
    return RepricingReport(
        scope=scope,
        total=sums.total,
        earnings=await read_earnings(connection, *days),
        services=dict(sorted(sums.services.items())),
        days=dict(sorted(sums.days.items())),
        users=sums.users,
        top_users=[
            UserSum(user_id, change, user_earnings.get(user_id, Earnings()))
            for user_id, change in top
        ],
        charges=sums.charges,
        first_charges=sums.first_charges,
        alerts=alerts.count,
        first_alerts=alerts.first,
    )


class _Corrections:
    """Corrects chunks of costs, each in a transaction of its own."""

    def __init__(
        self, connection: Connection, rates: Rates, basis: SpendBasis, *, changes_charges: bool
    ) -> None:
        self._connection = connection
        self._rates = rates
        self._changes_charges = changes_charges
        self._ledger = Ledger(Alerting(basis))
        self.costs = 0
        self.alerts = 0

    async def correct(self, keys: Sequence[RecordedCostKey]) -> None:
        """Correct the costs that still count; raises as `Repricer.apply` does."""
        if not keys:
            return

        async def make_events() -> Sequence[Incoming]:
            events: list[Incoming] = []
            await lock_calls(self._connection, (call_id for _, call_id in keys))
            for cost in await counted_costs(self._connection, keys):
                corrected = self._rates.correction(cost)
                if corrected is not None:
                    events += correcting_events(
                        cost, corrected, changes_charges=self._changes_charges
                    )
            return events

        applied = await apply_events(
            self._connection, self._ledger, self._rates.catalogue, make_events
        )
        self.costs += applied.events // 2
        self.alerts += applied.alerts
