"""One open socket: its subscription, its writes, and its end.

Messages are encoded frames, written directly to the connection. Nothing here waits for a client. A
client with unread messages gets no more until it has read them, and a client that reads nothing is
disconnected. So a slow client delays no other socket, and its memory stays bounded.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable, Sequence
from time import monotonic_ns
from typing import Final

from api.http.access import Caller
from api.http.connection_reset import reset_connection
from api.live.frames import PING, text_frame
from api.live.socket_outbox import SocketOutbox
from api.live.state import CallVersion
from api.live.view import CallViews

BUFFER_BYTES_MAX: Final = 64 * 1024
SOCKET_BYTES: Final = 64 * 1024
SNAPSHOT_CALLS_MAX: Final = 500
STUCK_SECONDS: Final = 15
PING_SECONDS: Final = 20
SILENT_SECONDS: Final = 60

_SECOND_NS: Final = 1_000_000_000
_BLOCKED_NS: Final = 50_000_000

_log: Final = logging.getLogger(__name__)


class SocketSession:
    """A socket's subscription and writes; `transport` is its connection."""

    def __init__(self, caller: Caller, transport: asyncio.Transport, views: CallViews) -> None:
        self.caller = caller
        self._transport = transport
        self._views = views
        self._outbox = SocketOutbox()
        self._subscribed: frozenset[str] | None = None
        self._awaits_snapshot = True
        self._written_bytes = 0
        self._read_bytes = 0
        self._read_at_ns = self._active_at_ns = self._pinged_at_ns = monotonic_ns()
        _limit_kernel_buffer(transport)

    @property
    def sees_all(self) -> bool:
        """Return whether the session receives the calls of all users."""
        return self.caller.role == "admin"

    def subscribes_to(self, call_id: str) -> bool:
        """Return whether the subscription includes a call."""
        return self._subscribed is None or call_id in self._subscribed

    def subscribe(self, call_ids: Iterable[str] | None) -> None:
        """Restrict the subscription to these calls; sends nothing until the next snapshot."""
        self._subscribed = None if call_ids is None else frozenset(call_ids)
        self._awaits_snapshot = True
        if self._subscribed is not None:
            self._outbox.keep_only(self._subscribed)

    def offer(self, state: CallVersion) -> None:
        """Queue a call's state for the next flush; a newer state replaces it."""
        # Nothing is queued before the snapshot, which will contain this state.
        if not self._awaits_snapshot and self.subscribes_to(state.call_id):
            self._outbox.put(state)

    def offer_alert(self, frame: bytes) -> None:
        self._outbox.put_alert(frame)

    def offer_budget(self, frame: bytes) -> None:
        if not self._awaits_snapshot:
            self._outbox.put_budget(frame)

    def send_snapshot(self, states: Sequence[CallVersion], budget: bytes) -> None:
        """Send a snapshot of the calls that changed last; the others follow as messages."""
        now_ns = monotonic_ns()
        later_calls, sent_calls = states[:-SNAPSHOT_CALLS_MAX], states[-SNAPSHOT_CALLS_MAX:]
        calls = b",".join(map(self._views.body, sent_calls))
        self._write(
            text_frame(b'{"type":"snapshot","calls":[' + calls + b'],"budget":' + budget + b"}")
        )
        self._awaits_snapshot = False
        self._outbox.drop_budget()
        for state in sent_calls:
            self._outbox.note_sent(state, now_ns)
        for state in later_calls:
            self._outbox.put(state)

    def answer(self, frame: bytes) -> None:
        """Send a reply now, unless the client is not reading."""
        if not self._is_blocked():
            self._write(frame)

    def flush(self, now_ns: int) -> int | None:
        """Write what is due; returns when more is due, None for nothing."""
        if self._awaits_snapshot or self._transport.is_closing() or not self._outbox:
            return None
        if self._is_blocked():
            return now_ns + _BLOCKED_NS
        frames, due_ns = self._outbox.take(now_ns, self._views.frame, BUFFER_BYTES_MAX)
        if frames:
            self._write(frames[0] if len(frames) == 1 else b"".join(frames))
        return due_ns

    def note_activity(self) -> None:
        """Record that the client sent something, such as a pong."""
        self._active_at_ns = monotonic_ns()

    def check(self, now_ns: int) -> None:
        """Disconnect a client that is stuck or silent; ping one that has been idle."""
        waiting = self._transport.get_write_buffer_size()
        read_bytes = self._written_bytes - waiting
        if read_bytes > self._read_bytes or not waiting:
            self._read_bytes, self._read_at_ns = read_bytes, now_ns
        is_stuck = now_ns - self._read_at_ns > STUCK_SECONDS * _SECOND_NS
        if is_stuck or now_ns - self._active_at_ns > SILENT_SECONDS * _SECOND_NS:
            self._disconnect()
        elif now_ns - self._pinged_at_ns > PING_SECONDS * _SECOND_NS:
            self._pinged_at_ns = now_ns
            self.answer(PING)

    def abort(self) -> None:
        """Close the connection without sending the rest."""
        self._transport.abort()

    def _disconnect(self) -> None:
        _log.info("a client is stuck or silent", extra={"action": "socket_cut_off"})
        reset_connection(self._transport)

    def _is_blocked(self) -> bool:
        return self._transport.get_write_buffer_size() > BUFFER_BYTES_MAX

    def _write(self, frame: bytes) -> None:
        if not self._transport.is_closing():
            self._written_bytes += len(frame)
            self._transport.write(frame)


def _limit_kernel_buffer(transport: asyncio.Transport) -> None:
    """Keep the kernel's send buffer small: data in it cannot be replaced by newer data."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
