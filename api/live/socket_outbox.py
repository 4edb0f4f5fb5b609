"""The pending messages of one socket: the newest state of each call, never a backlog.

Each call has one entry, however often it changes, and is sent at most ten times a second. The last
alerts are kept in order, and the newest budget. So the memory of a client that does not read is
bounded by the number of its calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from api.live.state import CallVersion

CALL_INTERVAL_NS: Final = 100_000_000
ALERTS_MAX: Final = 64
_SENT_MIN: Final = 1_024
_SENT_NS: Final = 60_000_000_000


class SocketOutbox:
    """The pending messages of one socket."""

    __slots__ = ("_alerts", "_budget", "_pending", "_prune_at", "_sent")

    def __init__(self) -> None:
        self._pending: dict[str, CallVersion] = {}
        self._sent: dict[str, tuple[int, int]] = {}
        self._prune_at = _SENT_MIN
        self._alerts: deque[bytes] = deque(maxlen=ALERTS_MAX)
        self._budget: bytes | None = None

    def __len__(self) -> int:
        return len(self._pending) + len(self._alerts) + (self._budget is not None)

    def put(self, state: CallVersion) -> None:
        """Queue a state; it replaces an older state of its call."""
        sent = self._sent.get(state.call_id)
        if sent is not None and sent[0] >= state.version:
            return
        waiting = self._pending.get(state.call_id)
        if waiting is None or waiting.version < state.version:
            self._pending[state.call_id] = state

    def put_alert(self, frame: bytes) -> None:
        """Queue an alert; the oldest is dropped if there are too many."""
        self._alerts.append(frame)

    def put_budget(self, frame: bytes) -> None:
        """Queue a budget; it replaces an older one."""
        self._budget = frame

    def drop_budget(self) -> None:
        """Discard the pending budget; a newer one was sent."""
        self._budget = None

    def note_sent(self, state: CallVersion, now_ns: int) -> None:
        """Record that this state, or a newer one, was sent."""
        self._sent[state.call_id] = (state.version, now_ns)
        waiting = self._pending.get(state.call_id)
        if waiting is not None and waiting.version <= state.version:
            del self._pending[state.call_id]
        if len(self._sent) > self._prune_at:
            self._prune(now_ns)

    def keep_only(self, call_ids: frozenset[str]) -> None:
        """Discard pending states of other calls."""
        for call_id in self._pending.keys() - call_ids:
            del self._pending[call_id]

    def take(
        self, now_ns: int, frame_of: Callable[[CallVersion], bytes], bytes_max: int
    ) -> tuple[list[bytes], int | None]:
        """Return the frames that are due, recorded as sent, and the time of the next ones.

        Stops adding frames once they exceed `bytes_max`; the oldest come first. The time is None if
        nothing is pending.
        """
        frames = list(self._alerts)
        self._alerts.clear()
        if self._budget is not None:
            frames.append(self._budget)
            self._budget = None
        size = sum(map(len, frames))
        next_due_ns: int | None = None
        for call_id, state in list(self._pending.items()):
            sent = self._sent.get(call_id)
            due = now_ns if sent is None else sent[1] + CALL_INTERVAL_NS
            if due <= now_ns and size < bytes_max:
                frames.append(frame_of(state))
                size += len(frames[-1])
                self.note_sent(state, now_ns)
            else:
                due = max(due, now_ns)
                next_due_ns = due if next_due_ns is None else min(due, next_due_ns)
        return frames, next_due_ns

    def _prune(self, now_ns: int) -> None:
        """Remove calls that were sent long ago: no older state of them can arrive."""
        until = now_ns - _SENT_NS
        self._sent = {name: sent for name, sent in self._sent.items() if sent[1] > until}
        self._prune_at = max(_SENT_MIN, 2 * len(self._sent))
