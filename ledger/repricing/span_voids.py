"""Voids costs of spans whose request another report contains: the use case.

The rule depends only on the costs of a trace and on whether an attachment reports it. A trace is
compared again after each new one of its costs and after its attachment, so their order does not
matter. A cost is marked in the transaction that voids it, and a check is deleted after that
transaction, so a stopped run can be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.budgets.alerting import Alerting
from ledger.calls.rating import Incoming
from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.prices.catalogue import Catalogue
from ledger.recording.ledger import Ledger
from ledger.repricing.applying import RepricingRefusedError, apply_events
from ledger.repricing.corrections import ledger_event
from ledger.repricing.rows import lock_calls
from schemas.alerts import SpendBasis
from schemas.events import SPANS_SOURCE, CostVoided, Event, EventReference
from schemas.spans import FRAMEWORK_SCOPES

_SQL: Final = statements("repricing/span_voids")

CHECKS_MAX: Final = 100
"""Checks of one transaction; the next run takes the rest."""
VOIDS_MAX: Final = 500
_ATTACHED: Final = "an attachment to the framework reports the usage of this trace"
_NESTED: Final = "another span reports the same request"

_log: Final = logging.getLogger(__name__)


class _Cost(NamedTuple):
    """A cost to be voided."""

    identity: str
    source: str
    event_id: str
    call_id: str
    user_id: str
    time: datetime
    is_attached: bool


class _BusyError(Exception):
    """Another process compares traces."""


class SpanVoider:
    """Voids costs that were reported twice, in repeated runs."""

    def __init__(self, basis: SpendBasis) -> None:
        """`basis` is the spend basis of budgets."""
        self._ledger = Ledger(Alerting(basis))

    async def run_once(self, connection: Connection, catalogue: Catalogue) -> int:
        """Compare the traces that are due; returns the number of voided costs.

        Raises OSError or a PostgreSQL error; what was voided before it stays voided.
        """
        total = 0
        try:
            while checks := await connection.fetch(*_SQL.bind("checks", limit=CHECKS_MAX)):
                total += await self._compare(connection, catalogue, checks)
        except _BusyError:
            pass  # the other process compares the rest
        return total

    async def _compare(
        self, connection: Connection, catalogue: Catalogue, checks: Sequence[Record]
    ) -> int:
        """Compare traces in one transaction, or in halves if the ledger refuses a void."""
        run = _Comparison(connection, [row["trace_id"] for row in checks])
        try:
            await apply_events(connection, self._ledger, catalogue, run.make_events)
        except RepricingRefusedError as error:
            if len(checks) > 1:
                middle = len(checks) // 2
                first = await self._compare(connection, catalogue, checks[:middle])
                return first + await self._compare(connection, catalogue, checks[middle:])
            # Such as the void of a cost that was archived long ago.
            _log.warning(
                "the costs of a trace cannot be voided: %s",
                error,
                extra={"action": "span_void_refused", "trace_id": checks[0]["trace_id"]},
            )
            run.voided, run.is_complete = 0, True
        if run.is_complete:
            check_ids = [row["check_id"] for row in checks]
            await connection.execute(*_SQL.bind("delete_checks", check_ids=check_ids))
        return run.voided


class _Comparison:
    """One comparison of traces, in one transaction."""

    def __init__(self, connection: Connection, trace_ids: Sequence[str]) -> None:
        self._connection = connection
        self._trace_ids = sorted({*trace_ids})
        self.voided = 0
        self.is_complete = False

    async def make_events(self) -> list[Incoming]:
        """Return the voids of costs that are reported twice, and mark the costs as voided."""
        if not await self._connection.fetchval(_SQL["one_at_a_time"]):
            raise _BusyError
        rows = await self._connection.fetch(
            *_SQL.bind(
                "due", trace_ids=self._trace_ids, scopes=list(FRAMEWORK_SCOPES), limit=VOIDS_MAX
            )
        )
        costs = [_Cost(*row) for row in rows]
        self.voided, self.is_complete = len(costs), len(costs) < VOIDS_MAX
        if costs:
            await lock_calls(self._connection, (cost.call_id for cost in costs))
            identities = [cost.identity for cost in costs]
            await self._connection.execute(*_SQL.bind("mark_voided", identities=identities))
        return [_void(cost) for cost in costs]


def _void(cost: _Cost) -> Event:
    """Return the void of a cost, whose id follows from the cost."""
    data = CostVoided(
        call_id=cost.call_id,
        user_id=cost.user_id,
        voids=EventReference(cost.source, cost.event_id),
        reason=_ATTACHED if cost.is_attached else _NESTED,
    )
    return ledger_event(SPANS_SOURCE, f"{cost.identity}/void", "cost.voided", cost.time, data)
