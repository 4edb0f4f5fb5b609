"""Finds stuck calls and closes abandoned ones: the use case.

Each transaction checks up to CALLS_AT_ONCE calls. It writes the anomaly of a call together with the
request to end the call or its closing. Each anomaly exists once, and a call is closed only if it
did not change since it was read. So several processes may run, and any of them may be killed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.anomalies.findings import Finding
from ledger.anomalies.rows import resolve_anomalies, write_findings
from ledger.budgets.alert_rows import request_cutoff
from ledger.budgets.alerting import Alerting
from ledger.calls.abandonment import PendingClosing
from ledger.postgres.database import Connection
from ledger.prices.catalogue import Catalogue
from ledger.recording.batch import SMALL_BATCH_MAX
from ledger.recording.ledger import Ledger
from ledger.recording.retrying import run_with_retries
from ledger.stuck_calls import rows as store
from ledger.stuck_calls.due_calls import DueCalls
from ledger.stuck_calls.findings import abandoned_finding, silent_finding, stuck_cutoff
from ledger.stuck_calls.rules import CallActivity, CallLimits, find_silence, is_abandoned
from schemas.alerts import SpendBasis

CALLS_AT_ONCE: Final = SMALL_BATCH_MAX


class StuckCalls(NamedTuple):
    """The number of new and resolved anomalies, of closed calls, and of requests to end one."""

    found: int = 0
    resolved: int = 0
    closed: int = 0
    cutoffs: int = 0

    def plus(self, other: StuckCalls) -> StuckCalls:
        """Return the sums."""
        return StuckCalls(*map(sum, zip(self, other, strict=True)))

    @property
    def messages(self) -> int:
        """The number of messages to publish."""
        return self.found + self.cutoffs


class StuckCallDetector:
    """Detects stuck calls, and remembers which calls are due."""

    def __init__(
        self,
        limits: CallLimits,
        basis: SpendBasis,
        *,
        ends_calls: bool = False,
        epoch: int | None = None,
    ) -> None:
        """`basis` is the spend basis of budgets; `ends_calls` requests the end of stuck calls."""
        self._limits = limits
        self._ends_calls = ends_calls
        self._ledger = Ledger(Alerting(basis), epoch=epoch)
        self._due = DueCalls(limits)

    def forget(self) -> None:
        """Forget which calls are due, because another process checks them."""
        self._due.clear()

    async def run_once(
        self, connection: Connection, catalogue: Catalogue, until: datetime, now: datetime
    ) -> StuckCalls:
        """Check the due calls; the stream is counted until `until`.

        Raises OSError, a PostgreSQL error, or an error of `Ledger.abandon`.
        """
        due = self._due.select(await store.read_active(connection), until)
        result = StuckCalls()
        for begin in range(0, len(due), CALLS_AT_ONCE):
            chunk = due[begin : begin + CALLS_AT_ONCE]
            result = result.plus(await self._check(connection, catalogue, chunk, until, now))
        reopened = await store.read_reopened(connection)
        await resolve_anomalies(connection, reopened, now)
        return result.plus(StuckCalls(resolved=len(reopened)))

    async def _check(
        self,
        connection: Connection,
        catalogue: Catalogue,
        call_ids: list[str],
        until: datetime,
        now: datetime,
    ) -> StuckCalls:
        """Check calls in one transaction, again after a conflict with another writer."""

        async def check() -> tuple[list[CallActivity], StuckCalls]:
            activities = await store.read_activities(connection, call_ids)
            return activities, await self._write(connection, catalogue, activities, until, now)

        activities, result = await run_with_retries(connection, self._ledger, check)
        for call in activities:
            self._due.note(call, until)
        return result

    async def _write(
        self,
        connection: Connection,
        catalogue: Catalogue,
        activities: list[CallActivity],
        until: datetime,
        now: datetime,
    ) -> StuckCalls:
        """Write what is found about calls, in the caller's transaction."""
        closed = await self._close(connection, catalogue, activities, until, now)
        findings: dict[str, Finding] = {}
        for call in activities:
            if call.call_id in closed:
                findings[call.call_id] = abandoned_finding(call, self._limits, now)
            elif (silence := find_silence(call, self._limits, until)) is not None:
                findings[call.call_id] = silent_finding(call, silence, self._limits, now)
        new = await write_findings(connection, list(findings.values()))
        normal = [call.call_id for call in activities if call.call_id not in findings]
        resolved = await store.read_open_silences(connection, normal) if normal else []
        await resolve_anomalies(connection, resolved, now)
        cutoffs = 0
        for call in activities:
            finding = findings.get(call.call_id)
            if self._ends_calls and finding and finding.anomaly.anomaly_id in new:
                cutoffs += await request_cutoff(connection, stuck_cutoff(call, finding.anomaly))
        return StuckCalls(len(new), len(resolved), len(closed), cutoffs)

    async def _close(
        self,
        connection: Connection,
        catalogue: Catalogue,
        activities: list[CallActivity],
        until: datetime,
        now: datetime,
    ) -> set[str]:
        """Close abandoned calls, and return those that had not changed meanwhile."""
        closings = {
            call.call_id: PendingClosing(call.version, call.last_at)
            for call in activities
            if is_abandoned(call, self._limits, until)
        }
        if not closings:
            return set()
        result = await self._ledger.abandon(connection, closings, now, catalogue)
        return set(result.changes.changed)
