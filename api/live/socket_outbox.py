"""Messages that wait for one socket: the newest state of each call, never a backlog.

A call takes one place however often it changes, and is sent at most ten times a second. Alerts are
kept in their order, the last of them only; of the budget the newest. So what waits for a client
that does not read stays as small as the calls that the client is about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from api.live.state import CallState

CALL_INTERVAL_NS: Final = 100_000_000
ALERTS_MAX: Final = 64
_REMEMBERED_MIN: Final = 1_024
_REMEMBERED_NS: Final = 60_000_000_000


class SocketOutbox:
    """The messages that wait for one socket."""

    __slots__ = ("_alerts", "_budget", "_pending", "_prune_at", "_sent")

    def __init__(self) -> None:
        self._pending: dict[str, CallState] = {}
        self._sent: dict[str, tuple[int, int]] = {}
        self._prune_at = _REMEMBERED_MIN
        self._alerts: deque[bytes] = deque(maxlen=ALERTS_MAX)
        self._budget: bytes | None = None

    def __len__(self) -> int:
        return len(self._pending) + len(self._alerts) + (self._budget is not None)

    def put(self, state: CallState) -> None:
        """Let a state wait in the place of an older one of its call."""
        sent = self._sent.get(state.call_id)
        if sent is not None and sent[0] >= state.version:
            return
        waiting = self._pending.get(state.call_id)
        if waiting is None or waiting.version < state.version:
            self._pending[state.call_id] = state

    def put_alert(self, frame: bytes) -> None:
        """Let an alert wait; the oldest of too many makes way."""
        self._alerts.append(frame)

    def put_budget(self, frame: bytes) -> None:
        """Let a budget wait in the place of an older one."""
        self._budget = frame

    def drop_budget(self) -> None:
        """Let no budget wait, because a newer one was said."""
        self._budget = None

    def note_sent(self, state: CallState, now_ns: int) -> None:
        """Note that this state, or a newer one, was sent to the socket."""
        self._sent[state.call_id] = (state.version, now_ns)
        waiting = self._pending.get(state.call_id)
        if waiting is not None and waiting.version <= state.version:
            del self._pending[state.call_id]
        if len(self._sent) > self._prune_at:
            self._prune(now_ns)

    def keep_only(self, call_ids: frozenset[str]) -> None:
        """Drop what waits of other calls."""
        for call_id in self._pending.keys() - call_ids:
            del self._pending[call_id]

    def take(
        self, now_ns: int, frame_of: Callable[[CallState], bytes], bytes_max: int
    ) -> tuple[list[bytes], int | None]:
        """Return the frames that may be sent now, noted as sent, and when to ask again.

        No more is taken once there are `bytes_max`; those that waited longest come first. The
        time is None where nothing waits any more.
        """
        frames = list(self._alerts)
        self._alerts.clear()
        if self._budget is not None:
            frames.append(self._budget)
            self._budget = None
        size = sum(map(len, frames))
        ask_again: int | None = None
        for call_id, state in list(self._pending.items()):
            sent = self._sent.get(call_id)
            due = now_ns if sent is None else sent[1] + CALL_INTERVAL_NS
            if due <= now_ns and size < bytes_max:
                frames.append(frame_of(state))
                size += len(frames[-1])
                self.note_sent(state, now_ns)
            else:
                due = max(due, now_ns)
                ask_again = due if ask_again is None else min(due, ask_again)
        return frames, ask_again

    def _prune(self, now_ns: int) -> None:
        """Forget calls that were sent long ago: no older state of them can arrive any more."""
        until = now_ns - _REMEMBERED_NS
        self._sent = {name: sent for name, sent in self._sent.items() if sent[1] > until}
        self._prune_at = max(_REMEMBERED_MIN, 2 * len(self._sent))
