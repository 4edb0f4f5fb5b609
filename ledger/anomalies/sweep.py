"""Detects anomalies that no message reports: by pending checks, and by a sweep over users.

Each call or day that changes late has a pending check, see `ledger.recording.late_changes`.

Each round checks up to a time, the grace period before it begins: the calls whose last change is
after that time of the previous round, and the current day of their users. It iterates over users
and the index of their calls, so that detection adds nothing to the writes of event batches. Most
calls change only in the two hours after their start. The first round of each UTC day is deep: it
looks back several days, and checks ended days.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ledger.anomalies import sweep_rows as store
from ledger.anomalies.detection import CALLS_AT_ONCE, AnomalyDetector, DetectionResult
from ledger.anomalies.sweep_rows import SweepPosition
from ledger.postgres.database import Connection
from ledger.recording.pending_checks import PendingCheck, read_due, remove_checks

ROUND_EVERY: Final = timedelta(minutes=1)
USERS_AT_ONCE: Final = 50
LOOK_BACK: Final = timedelta(hours=2)
LOOK_BACK_DEEP: Final = timedelta(days=3)
ENDED_DAYS: Final = 3
"""Ended days that a deep round checks, because late events still count."""
RECHECKED_FOR: Final = timedelta(days=35)
"""How long a found anomaly is checked again when its call changes."""
CHANGED_MAX: Final = 1_000


class SweepStep(NamedTuple):
    """The result of a step; `more` says that the next step has something to check."""

    result: DetectionResult
    more: bool


class AnomalySweep:
    """Runs the steps of rounds, each in the caller's transaction, in any process."""

    def __init__(self, detection: AnomalyDetector, every: timedelta = ROUND_EVERY) -> None:
        self._detection = detection
        self._every = every

    async def step(self, connection: Connection, now: datetime) -> SweepStep:
        """Run pending checks, then check the next users; nothing if another process does."""
        sweep = await store.lock_sweep(connection)
        if sweep is None:
            return SweepStep(DetectionResult(), more=False)
        checks = await read_due(connection, now - self._detection.grace, CALLS_AT_ONCE)
        result = await self._run_checks(connection, checks, now)
        step = await self._round_step(connection, sweep, now)
        more = step.more or len(checks) == CALLS_AT_ONCE
        return SweepStep(result.plus(step.result), more)

    async def _run_checks(
        self, connection: Connection, checks: list[PendingCheck], now: datetime
    ) -> DetectionResult:
        """Run pending checks and remove them; calls first, because their spikes explain days."""
        call_ids = [check.key.subject for check in checks if check.key.kind == "call"]
        result = await self._detection.check_calls(connection, call_ids, now)
        users_of: dict[str, list[str]] = {}
        for check in checks:
            if check.key.kind == "day":
                users_of.setdefault(check.key.subject, []).append(check.key.user_id)
        for day, users in sorted(users_of.items()):
            found = await self._detection.check_day(connection, users, date.fromisoformat(day), now)
            result = result.plus(found)
        await remove_checks(connection, checks)
        return result

    async def _round_step(
        self, connection: Connection, sweep: SweepPosition, now: datetime
    ) -> SweepStep:
        """Check the next users of the round, if one is running or due."""
        result, round_to = DetectionResult(), sweep.round_to
        if round_to is None:
            round_to = now - self._detection.grace
            if round_to < sweep.swept_to + self._every:
                return SweepStep(result, more=False)
            is_deep = sweep.closed_on < now.date()
            sweep = sweep._replace(round_to=round_to, is_deep=is_deep, user_id="")
            result = await self._check_changed_calls(connection, sweep, now)
        users = await store.next_users(
            connection, sweep.user_id, _began_since(sweep).date(), USERS_AT_ONCE
        )
        result = result.plus(await self._check_users(connection, sweep, users, round_to, now))
        more = len(users) == USERS_AT_ONCE
        sweep = sweep._replace(user_id=users[-1]) if more else _after_round(sweep, round_to, now)
        await store.store_sweep_position(connection, sweep)
        return SweepStep(result, more)

    async def _check_changed_calls(
        self, connection: Connection, sweep: SweepPosition, now: datetime
    ) -> DetectionResult:
        """Check again changed calls with a recent open anomaly, however old the calls are."""
        call_ids = await store.changed_calls_with_anomaly(
            connection, now - RECHECKED_FOR, sweep.swept_to, CHANGED_MAX
        )
        return await self._detection.check_calls(connection, call_ids, now)

    async def _check_users(
        self,
        connection: Connection,
        sweep: SweepPosition,
        users: list[str],
        until: datetime,
        now: datetime,
    ) -> DetectionResult:
        if not users:
            return DetectionResult()
        since = sweep.deep_to if sweep.is_deep else sweep.swept_to
        call_ids = await store.changed_calls(connection, users, _began_since(sweep), since, until)
        result = await self._detection.check_calls(connection, call_ids, now)
        for ago in range(ENDED_DAYS if sweep.is_deep else 0, -1, -1):
            day = now.date() - timedelta(days=ago)
            result = result.plus(await self._detection.check_day(connection, users, day, now))
        return result


def _began_since(sweep: SweepPosition) -> datetime:
    """Return the earliest start of the calls in the round."""
    if sweep.is_deep:
        return sweep.deep_to - LOOK_BACK_DEEP
    return sweep.swept_to - LOOK_BACK


def _after_round(sweep: SweepPosition, round_to: datetime, now: datetime) -> SweepPosition:
    """Return the position after a round that checked changes up to `round_to`."""
    finished = sweep._replace(swept_to=round_to, round_to=None, user_id="")
    if not sweep.is_deep:
        return finished
    return finished._replace(deep_to=round_to, is_deep=False, closed_on=now.date())
