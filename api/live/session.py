"""One open socket: its subscription, writes that never wait for it, and when it is closed.

Whatever is said is a ready frame written straight to the connection. Nothing here awaits a client:
one that does not take what was written gets nothing more until it has, and is cut off when it takes
nothing at all, so that it delays no other socket and its memory stays bounded.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Iterable, Sequence
from time import monotonic_ns
from typing import Final

from api.http.access import Caller
from api.live.frames import PING, text_frame
from api.live.socket_outbox import SocketOutbox
from api.live.state import CallState
from api.live.view import CallViews

BUFFER_BYTES_MAX: Final = 64 * 1024
SOCKET_BYTES: Final = 64 * 1024
SNAPSHOT_CALLS_MAX: Final = 500
STUCK_SECONDS: Final = 15
PING_SECONDS: Final = 20
SILENT_SECONDS: Final = 60

_AT_ONCE: Final = struct.pack("ii", 1, 0)
_SECOND_NS: Final = 1_000_000_000
_BLOCKED_NS: Final = 50_000_000

_log: Final = logging.getLogger(__name__)


class SocketSession:
    """The subscription of one socket and what was sent to it. `transport` is its connection."""

    def __init__(self, caller: Caller, transport: asyncio.Transport, views: CallViews) -> None:
        self.caller = caller
        self._transport = transport
        self._views = views
        self._outbox = SocketOutbox()
        self._wanted: frozenset[str] | None = None
        self._is_quiet = True
        self._written = 0
        self._taken = 0
        self._taken_at_ns = self._heard_at_ns = self._pinged_at_ns = monotonic_ns()
        _bound_kernel_buffer(transport)

    @property
    def sees_all(self) -> bool:
        """Return whether calls of all users are sent."""
        return self.caller.role == "admin"

    def wants(self, call_id: str) -> bool:
        """Return whether the socket is about a call."""
        return self._wanted is None or call_id in self._wanted

    def subscribe(self, call_ids: Iterable[str] | None) -> None:
        """Be about these calls only, or about all; nothing is said until the next snapshot."""
        self._wanted = None if call_ids is None else frozenset(call_ids)
        self._is_quiet = True
        if self._wanted is not None:
            self._outbox.keep_only(self._wanted)

    def offer(self, state: CallState) -> None:
        """Let the socket hear a state with the next flush, or a newer one instead."""
        # Before its snapshot nothing was sent; the snapshot will have this state.
        if not self._is_quiet and self.wants(state.call_id):
            self._outbox.put(state)

    def offer_alert(self, frame: bytes) -> None:
        """Let the socket hear an alert."""
        self._outbox.put_alert(frame)

    def offer_budget(self, frame: bytes) -> None:
        """Let the socket hear its caller's budget."""
        if not self._is_quiet:
            self._outbox.put_budget(frame)

    def tell_snapshot(self, states: Sequence[CallState], budget: bytes) -> None:
        """Say a snapshot now; of many calls those that changed last, the others right after it."""
        now_ns = monotonic_ns()
        rest, shown = states[:-SNAPSHOT_CALLS_MAX], states[-SNAPSHOT_CALLS_MAX:]
        calls = b",".join(map(self._views.body, shown))
        self._write(
            text_frame(b'{"type":"snapshot","calls":[' + calls + b'],"budget":' + budget + b"}")
        )
        self._is_quiet = False
        self._outbox.drop_budget()
        for state in shown:
            self._outbox.note_sent(state, now_ns)
        for state in rest:
            self._outbox.put(state)

    def answer(self, frame: bytes) -> None:
        """Answer the client at once, unless it does not read what was sent before."""
        if not self._is_blocked():
            self._write(frame)

    def flush(self, now_ns: int) -> int | None:
        """Write what may be said now; returns when there will be more, None for nothing."""
        if self._is_quiet or self._transport.is_closing() or not self._outbox:
            return None
        if self._is_blocked():
            return now_ns + _BLOCKED_NS
        frames, due_ns = self._outbox.take(now_ns, self._views.frame, BUFFER_BYTES_MAX)
        if frames:
            self._write(frames[0] if len(frames) == 1 else b"".join(frames))
        return due_ns

    def note_activity(self) -> None:
        """Note that the client said something, if only a pong."""
        self._heard_at_ns = monotonic_ns()

    def check(self, now_ns: int) -> None:
        """Cut off a client that takes nothing or is gone; ask one that is silent for a sign."""
        waiting = self._transport.get_write_buffer_size()
        taken = self._written - waiting
        if taken > self._taken or not waiting:
            self._taken, self._taken_at_ns = taken, now_ns
        stuck = now_ns - self._taken_at_ns > STUCK_SECONDS * _SECOND_NS
        if stuck or now_ns - self._heard_at_ns > SILENT_SECONDS * _SECOND_NS:
            self._cut_off()
        elif now_ns - self._pinged_at_ns > PING_SECONDS * _SECOND_NS:
            self._pinged_at_ns = now_ns
            self.answer(PING)

    def abort(self) -> None:
        """Cut the connection, whatever is still to be written."""
        self._transport.abort()

    def _cut_off(self) -> None:
        """Abort, and let the kernel forget what the client did not take."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        _log.info("a client took nothing", extra={"action": "socket_cut_off"})
        self.abort()

    def _is_blocked(self) -> bool:
        return self._transport.get_write_buffer_size() > BUFFER_BYTES_MAX

    def _write(self, frame: bytes) -> None:
        if not self._transport.is_closing():
            self._written += len(frame)
            self._transport.write(frame)


def _bound_kernel_buffer(transport: asyncio.Transport) -> None:
    """Let little lie in the kernel: what lies there cannot be replaced by something newer."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
