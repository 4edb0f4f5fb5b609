"""Handles one socket: the snapshot, the client's messages, and the close."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from api.http.auth import unix_now
from api.http.identifiers import is_identifier
from api.live.feed import Feed
from api.live.frames import PONG_BYTES_MAX, pong_frame, text_frame
from api.live.session import SocketSession
from ledger.postgres.viewers import StoreUnavailableError
from schemas.jsonio import encode
from schemas.live import LivePing, LivePong, LiveSubscribe

EXPIRED: Final = 4401
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

MESSAGE_BYTES_MAX: Final = 64 * 1024
MESSAGES_PER_SECOND: Final = 20
SUBSCRIBED_MAX: Final = 200
CLOSE_SECONDS: Final = 2
_SECOND_NS: Final = 1_000_000_000

_PONG: Final = text_frame(encode(LivePong()))
_decode: Final = msgspec.json.Decoder(LiveSubscribe | LivePing).decode

_log: Final = logging.getLogger(__name__)


class _CloseSocket(Exception):  # noqa: N818 - an end, not an error
    """Closes the socket with a code and a reason of at most 123 bytes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SocketHandler:
    """Handles one socket from its snapshot to its close."""

    def __init__(self, socket: web.WebSocketResponse, session: SocketSession, feed: Feed) -> None:
        self._socket = socket
        self._session = session
        self._feed = feed
        self._deadline = asyncio.timeout(session.caller.expires_at - unix_now())
        self._stopping: _CloseSocket | None = None
        self._is_closed = False
        self._second = 0
        self._messages = 0

    async def run(self) -> None:
        """Serve until the client leaves, the token expires, or the socket must be closed."""
        end = _CloseSocket(WSCloseCode.OK, "")
        try:
            with self._feed.sockets.attach(self._session):
                end = await self._serve() or end
        finally:
            await self._close(end)

    def stop(self) -> None:
        """Close the socket because the process stops."""
        if self._is_closed:
            return
        self._stopping = _CloseSocket(GOING_AWAY, "The server is stopping. Reconnect.")
        self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _serve(self) -> _CloseSocket | None:
        try:
            async with self._deadline:
                await self._feed.send_snapshot(self._session)
                await self._listen()
        except TimeoutError:
            return self._stopping or _CloseSocket(EXPIRED, "The token has expired.")
        except _CloseSocket as stop:
            return stop
        except StoreUnavailableError as error:
            _log.warning("no snapshot: %s", error, extra={"action": "snapshot_failed"})
            return _CloseSocket(TRY_AGAIN_LATER, "The database is not available right now.")
        except Exception:
            # The response has started, so the middleware cannot report the error.
            _log.exception("a socket failed", extra={"action": "socket_failed"})
            return _CloseSocket(INTERNAL_ERROR, "Something went wrong on our side.")
        return None

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in {
                WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR,
            }:  # fmt: skip
                return
            self._session.note_activity()
            if message.type is WSMsgType.PONG:
                continue
            self._count()
            if message.type is WSMsgType.PING:
                self._session.answer(pong_frame(bytes(message.data)[:PONG_BYTES_MAX]))
            else:
                await self._answer(message)

    def _count(self) -> None:
        second = time.monotonic_ns() // _SECOND_NS
        if second != self._second:
            self._second, self._messages = second, 0
        self._messages += 1
        if self._messages > MESSAGES_PER_SECOND:
            raise _CloseSocket(
                POLICY_VIOLATION, f"At most {MESSAGES_PER_SECOND} messages a second."
            )

    async def _answer(self, message: WSMessage) -> None:
        try:
            if message.type is not WSMsgType.TEXT:
                raise ValueError("binary")
            requested = _decode(message.data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise _CloseSocket(
                POLICY_VIOLATION, 'Send {"type": "subscribe", "calls": […]} or {"type": "ping"}.'
            ) from None
        if isinstance(requested, LivePing):
            self._session.answer(_PONG)
            return
        call_ids = requested.calls if isinstance(requested.calls, list) else None
        if call_ids is not None and not _may_subscribe(call_ids):
            raise _CloseSocket(
                POLICY_VIOLATION, f"`calls` may name {SUBSCRIBED_MAX} calls by their ids."
            )
        self._session.subscribe(call_ids)
        await self._feed.send_snapshot(self._session)

    async def _close(self, end: _CloseSocket) -> None:
        """Send a close frame to a client that reads, and close the connection in any case."""
        self._is_closed = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=end.code, message=end.reason.encode())
        except TimeoutError:
            self._session.abort()
        finally:
            # Close frames get this long to leave the machine.
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._session.abort)


def _may_subscribe(call_ids: list[str]) -> bool:
    return len(call_ids) <= SUBSCRIBED_MAX and all(map(is_identifier, call_ids))
