"""All open sockets of a process: their limit, who receives what, and when it is written."""

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
from api.live.state import CallState

TICK_SECONDS: Final = 0.01
CHECK_SECONDS: Final = 1
_TICK_NS: Final = 10_000_000
_COME_BACK_SECONDS: Final = 10


class SocketRegistry:
    """Sessions by user. A change is offered at once; what may not be said yet waits its turn."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._places: Counter[str] = Counter()
        self._places_by_address: Counter[str] = Counter()
        self._of_user: dict[str, set[SocketSession]] = {}
        self._of_all: set[SocketSession] = set()
        self._touched: set[SocketSession] = set()
        self._later: dict[int, set[SocketSession]] = {}
        self._is_waiting = asyncio.Event()

    def __len__(self) -> int:
        return self._places.total()

    @contextmanager
    def place(self, caller: Caller, address: str) -> Iterator[None]:
        """Keep a place for a socket; raises the Problem 429 or 503 where there is none."""
        limits = self._limits
        if self._places[caller.user_id] >= limits.sockets_per_user:
            raise _too_many("A user", limits.sockets_per_user, "sockets_per_user")
        if self._places_by_address[address] >= limits.sockets_per_address:
            raise _too_many("An address", limits.sockets_per_address, "sockets_per_address")
        if self._places.total() >= limits.sockets:
            raise unavailable("Another socket", "sockets")
        self._places[caller.user_id] += 1
        self._places_by_address[address] += 1
        try:
            yield
        finally:
            _give_back(self._places, caller.user_id)
            _give_back(self._places_by_address, address)

    @contextmanager
    def joined(self, session: SocketSession) -> Iterator[None]:
        """Let a session hear of changes for the length of a block."""
        user_id = session.caller.user_id
        self._of_user.setdefault(user_id, set()).add(session)
        if session.sees_all:
            self._of_all.add(session)
        try:
            yield
        finally:
            self._of_all.discard(session)
            self._touched.discard(session)
            self._of_user[user_id].discard(session)
            if not self._of_user[user_id]:
                del self._of_user[user_id]

    def sessions(self) -> list[SocketSession]:
        """Return every session that receives changes."""
        return [session for sessions in self._of_user.values() for session in sessions]

    def users(self) -> list[str]:
        """Return the users who listen."""
        return list(self._of_user)

    def listens(self, user_id: str) -> bool:
        """Return whether a user listens."""
        return user_id in self._of_user

    def tell(self, state: CallState) -> None:
        """Offer a call to its owner and to administrators."""
        for session in self._audience(state.user_id):
            session.offer(state)
            self._touched.add(session)

    def tell_alert(self, alert: AlertMessage) -> None:
        """Offer an alert to the user whom it is for and to administrators."""
        frame = text_frame(alert.text)
        for session in self._audience(alert.user_id):
            session.offer_alert(frame)
            self._touched.add(session)

    def tell_budget(self, user_id: str, budget: bytes) -> None:
        """Offer a user's budget to that user."""
        frame = text_frame(b'{"type":"budget","budget":' + budget + b"}")
        for session in self._of_user.get(user_id, ()):
            session.offer_budget(frame)
            self._touched.add(session)

    def _audience(self, user_id: str) -> set[SocketSession]:
        own = self._of_user.get(user_id, set())
        return own | self._of_all if self._of_all else own

    def flush(self) -> None:
        """Write what was offered since, as far as its time has come."""
        touched, self._touched = self._touched, set()
        self._flush(touched)

    def touch(self, session: SocketSession) -> None:
        """Look after a session with the next flush."""
        self._touched.add(session)

    def _flush(self, sessions: set[SocketSession]) -> None:
        now_ns = monotonic_ns()
        for session in sessions:
            due_ns = session.flush(now_ns)
            if due_ns is not None:
                # At the end of its tick, so that it is due by then.
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
            for sessions in list(self._of_user.values()):
                for session in sessions:
                    session.check(now_ns)


def _too_many(whose: str, most: int, limit: LimitName) -> Problem:
    message = f"{whose} may have {most} open sockets. Close one first."
    return rate_limited(_COME_BACK_SECONDS, limit, message)


def _give_back(places: Counter[str], name: str) -> None:
    places[name] -= 1
    if not places[name]:
        del places[name]
