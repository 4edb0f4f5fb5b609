"""The talk over one socket: the snapshot, what the client asks for, and how it ends."""

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
NOT_UNDERSTOOD: Final = 1008
FAULT: Final = 1011
TRY_AGAIN_LATER: Final = 1013

MESSAGE_BYTES_MAX: Final = 64 * 1024
MESSAGES_PER_SECOND: Final = 20
SUBSCRIBED_MAX: Final = 200
CLOSE_SECONDS: Final = 2
_SECOND_NS: Final = 1_000_000_000

_PONG: Final = text_frame(encode(LivePong()))
_decode: Final = msgspec.json.Decoder(LiveSubscribe | LivePing).decode

_log: Final = logging.getLogger(__name__)


class _CloseSocket(Exception):  # noqa: N818 - an end, not a fault
    """The talk ends, with a code and a sentence of at most 123 bytes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SocketHandler:
    """One socket from its snapshot to its end."""

    def __init__(self, socket: web.WebSocketResponse, session: SocketSession, feed: Feed) -> None:
        self._socket = socket
        self._session = session
        self._feed = feed
        self._deadline = asyncio.timeout(session.caller.expires_at - unix_now())
        self._leaving: _CloseSocket | None = None
        self._is_over = False
        self._second = 0
        self._messages = 0

    async def run(self) -> None:
        """Serve until the client leaves, the token expires, or the socket has to be closed."""
        end = _CloseSocket(WSCloseCode.OK, "")
        try:
            with self._feed.sockets.joined(self._session):
                end = await self._until_the_end() or end
        finally:
            await self._close(end)

    def leave(self) -> None:
        """End the talk because this process stops."""
        if self._is_over:
            return
        self._leaving = _CloseSocket(GOING_AWAY, "This server stops. Connect again.")
        self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _until_the_end(self) -> _CloseSocket | None:
        try:
            async with self._deadline:
                await self._feed.tell_snapshot(self._session)
                await self._listen()
        except TimeoutError:
            return self._leaving or _CloseSocket(EXPIRED, "The token has expired.")
        except _CloseSocket as leave:
            return leave
        except StoreUnavailableError as error:
            _log.warning("no snapshot: %s", error, extra={"action": "snapshot_failed"})
            return _CloseSocket(TRY_AGAIN_LATER, "The database is not available right now.")
        except Exception:
            # The answer has begun, so no caller can report it any more.
            _log.exception("a socket failed", extra={"action": "socket_failed"})
            return _CloseSocket(FAULT, "Something went wrong on our side.")
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
            raise _CloseSocket(NOT_UNDERSTOOD, f"At most {MESSAGES_PER_SECOND} messages a second.")

    async def _answer(self, message: WSMessage) -> None:
        try:
            if message.type is not WSMsgType.TEXT:
                raise ValueError("binary")
            asked = _decode(message.data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise _CloseSocket(
                NOT_UNDERSTOOD, 'Send {"type": "subscribe", "calls": […]} or {"type": "ping"}.'
            ) from None
        if isinstance(asked, LivePing):
            self._session.answer(_PONG)
            return
        call_ids = asked.calls if isinstance(asked.calls, list) else None
        if call_ids is not None and not _may_subscribe(call_ids):
            raise _CloseSocket(
                NOT_UNDERSTOOD, f"`calls` may name {SUBSCRIBED_MAX} calls by their ids."
            )
        self._session.subscribe(call_ids)
        await self._feed.tell_snapshot(self._session)

    async def _close(self, end: _CloseSocket) -> None:
        """Say good-bye to a client that listens, and hang up in any case."""
        self._is_over = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=end.code, message=end.reason.encode())
        except TimeoutError:
            self._session.abort()
        finally:
            # Good-byes that were written get this long to leave the machine.
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._session.abort)


def _may_subscribe(call_ids: list[str]) -> bool:
    return len(call_ids) <= SUBSCRIBED_MAX and all(map(is_identifier, call_ids))
