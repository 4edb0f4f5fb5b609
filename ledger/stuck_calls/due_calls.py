"""Decides when the events of an active call are read again: before then it cannot become silent.

This memory only saves reads: a process that starts without it reads every active call once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ledger.stuck_calls.rules import CallActivity, CallLimits, next_check


class ActiveCallTimes(NamedTuple):
    """A call that has not ended: when it began, and when it last changed."""

    call_id: str
    first_at: datetime
    updated_at: datetime


class _Known(NamedTuple):
    """The last change of a call as read, and when to read it again; None is after a change."""

    updated_at: datetime
    due_at: datetime | None


class DueCalls:
    """Remembers when each active call is due."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._known: dict[str, _Known] = {}

    def select(self, active: Iterable[ActiveCallTimes], until: datetime) -> list[str]:
        """Return the calls to read; forgets those that are not active any more."""
        known, self._known = self._known, {}
        due = []
        for call in active:
            before = known.get(call.call_id)
            if before is not None:
                self._known[call.call_id] = before
            if self._is_due(call, before, until):
                due.append(call.call_id)
        return due

    def _is_due(self, call: ActiveCallTimes, before: _Known | None, until: datetime) -> bool:
        silent, lifetime = self._limits
        if lifetime and call.updated_at + lifetime <= until:
            return True
        if not silent or call.first_at + silent > until:
            return False
        if before is None:
            return True
        if before.due_at is None:
            return call.updated_at != before.updated_at
        return before.due_at <= until

    def note(self, call: CallActivity, until: datetime) -> None:
        """Remember when a call that was read is due again."""
        due_at = next_check(call, self._limits, until)
        self._known[call.call_id] = _Known(call.updated_at, due_at)

    def clear(self) -> None:
        """Forget all calls."""
        self._known.clear()
