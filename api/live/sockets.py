"""All open sockets of a process: their limits, recipients and writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic_ns
from typing import Final

from api.http.access import Caller
from api.http.options import RequestLimits
from api.http.problems import LimitName, Problem, rate_limited, unavailable
from api.live.alerts import AlertMessage
from api.live.frames import text_frame
from api.live.session import SocketSession
from api.live.state import CallVersion

TICK_SECONDS: Final = 0.01
CHECK_SECONDS: Final = 1
_TICK_NS: Final = 10_000_000
_RETRY_SECONDS: Final = 10


class SocketRegistry:
    """Sessions by user. Changes are queued immediately and written when they are due."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._sockets: Counter[str] = Counter()
        self._sockets_by_address: Counter[str] = Counter()
        self._by_user: dict[str, set[SocketSession]] = {}
        self._see_all: set[SocketSession] = set()
        self._touched: set[SocketSession] = set()
        self._later: dict[int, set[SocketSession]] = {}
        self._is_waiting = asyncio.Event()
        self.offered = 0
        """How many times a call or an alert was offered to a socket."""

    def __len__(self) -> int:
        return self._sockets.total()

    @contextmanager
    def admit(self, caller: Caller, address: str) -> Iterator[None]:
        """Count a socket for the duration of the block; raises the Problem 429 or 503."""
        limits = self._limits
        if self._sockets[caller.user_id] >= limits.sockets_per_user:
            raise _too_many("A user", limits.sockets_per_user, "sockets_per_user")
        if self._sockets_by_address[address] >= limits.sockets_per_address:
            raise _too_many("An address", limits.sockets_per_address, "sockets_per_address")
        if self._sockets.total() >= limits.sockets:
            raise unavailable("Another socket", "sockets")
        self._sockets[caller.user_id] += 1
        self._sockets_by_address[address] += 1
        try:
            yield
        finally:
            _decrement(self._sockets, caller.user_id)
            _decrement(self._sockets_by_address, address)

    @contextmanager
    def attach(self, session: SocketSession) -> Iterator[None]:
        """Send changes to a session for the duration of the block."""
        user_id = session.caller.user_id
        self._by_user.setdefault(user_id, set()).add(session)
        if session.sees_all:
            self._see_all.add(session)
        try:
            yield
        finally:
            self._see_all.discard(session)
            self._touched.discard(session)
            self._by_user[user_id].discard(session)
            if not self._by_user[user_id]:
                del self._by_user[user_id]

    def sessions(self) -> list[SocketSession]:
        """Return every session that receives changes."""
        return [session for sessions in self._by_user.values() for session in sessions]

    def users(self) -> list[str]:
        return list(self._by_user)

    def is_connected(self, user_id: str) -> bool:
        return user_id in self._by_user

    def queue_call(self, state: CallVersion) -> None:
        """Queue a call for its owner and for administrators."""
        audience = self._audience(state.user_id)
        for session in audience:
            session.offer(state)
            self._touched.add(session)
        self.offered += len(audience)

    def queue_alert(self, alert: AlertMessage) -> None:
        """Queue an alert for its user and for administrators."""
        frame = text_frame(alert.text)
        audience = self._audience(alert.user_id)
        for session in audience:
            session.offer_alert(frame)
            self._touched.add(session)
        self.offered += len(audience)

    def queue_budget(self, user_id: str, budget: bytes) -> None:
        """Queue a user's budget for that user."""
        frame = text_frame(b'{"type":"budget","budget":' + budget + b"}")
        for session in self._by_user.get(user_id, ()):
            session.offer_budget(frame)
            self._touched.add(session)

    def _audience(self, user_id: str) -> set[SocketSession]:
        own = self._by_user.get(user_id, set())
        return own | self._see_all if self._see_all else own

    def flush(self) -> None:
        """Write the queued messages that are due."""
        touched, self._touched = self._touched, set()
        self._flush(touched)

    def touch(self, session: SocketSession) -> None:
        """Include a session in the next flush."""
        self._touched.add(session)

    def _flush(self, sessions: set[SocketSession]) -> None:
        now_ns = monotonic_ns()
        for session in sessions:
            due_ns = session.flush(now_ns)
            if due_ns is not None:
                # At the end of its tick, when it is certainly due.
                self._later.setdefault(due_ns // _TICK_NS + 1, set()).add(session)
                self._is_waiting.set()

    async def run(self) -> None:
        """Write waiting messages when they are due, until cancelled."""
        while True:
            await self._is_waiting.wait()
            while self._later:
                await asyncio.sleep(TICK_SECONDS)
                tick = monotonic_ns() // _TICK_NS
                for due in [due for due in self._later if due <= tick]:
                    self._flush(self._later.pop(due))
            self._is_waiting.clear()

    async def check(self) -> None:
        """Disconnect clients that are stuck or gone, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now_ns = monotonic_ns()
            for sessions in list(self._by_user.values()):
                for session in sessions:
                    session.check(now_ns)


def _too_many(whose: str, maximum: int, limit: LimitName) -> Problem:
    message = f"{whose} may have {maximum} open sockets. Close one first."
    return rate_limited(_RETRY_SECONDS, limit, message)


def _decrement(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
