"""Changes of calls that are too late for the periodic sweep of recent calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.periods import day_of
from ledger.recording.pending_checks import CheckKey

LATE_AFTER: Final = timedelta(hours=1)
"""The sweep finds calls that change within two hours of their first event; half of that is safe."""


def is_late_change(call: Call, changed_at: datetime) -> bool:
    """Return whether a changed call needs a check of its own.

    That is a call that has ended or was charged and whose first event is at least an hour old.
    """
    if call.user_id is None or call.first_at is None or call.first_at >= changed_at - LATE_AFTER:
        return False
    return call.status != "active" or call.charge_count > 0


def late_checks(changes: BatchChanges, now: datetime) -> set[CheckKey]:
    """Return the calls and days to check for anomalies after a late change."""
    checks = {
        CheckKey(call.user_id or "", "call", call.call_id)
        for call in changes.owned
        if is_late_change(call, now)
    }
    days = changes.movements.cost_days_before(day_of(now))
    return checks | {CheckKey(user_id, "day", day) for user_id, day in days}
