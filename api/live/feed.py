"""The feed of one replica: its parts, what flows between them, and how long they run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from api.http.options import RequestLimits
from api.live.alerts import AlertMessage
from api.live.budgets import LiveBudgets, ReadBudget
from api.live.expectations import REFRESH_SECONDS, UsualDurations
from api.live.reconciler import StateReconciler
from api.live.session import SocketSession
from api.live.sockets import SocketRegistry
from api.live.state import CallState, CallStateChange, LiveCalls
from api.live.topic_follower import TopicFollower
from api.live.view import CallViews
from ledger.budgets.budgets import BudgetBasis
from ledger.live.calls import LiveStore
from ledger.postgres.viewers import ReaderPool, StoreUnavailableError
from ledger.recording.epochs import epoch_of

_AT_ONCE: Final = 200
_AGAIN_SECONDS: Final = 2

_log: Final = logging.getLogger(__name__)


class Feed:
    """Calls from topic and database on one side, sockets on the other.

    `client_options` say how to reach the brokers; without any the feed never gets ready.
    """

    def __init__(
        self,
        readers: ReaderPool,
        read_budget: ReadBudget,
        limits: RequestLimits,
        basis: BudgetBasis,
        client_options: Mapping[str, Any] | None = None,
    ) -> None:
        store = LiveStore(readers)
        self._basis = basis
        self.is_fed = client_options is not None
        """Whether there are brokers to listen to."""
        self.calls = LiveCalls()
        self.sockets = SocketRegistry(limits)
        self._expectations = UsualDurations(store)
        self.views = CallViews(self._expectations)
        self._budgets = LiveBudgets(read_budget, self.sockets)
        self._reader = TopicFollower(
            client_options or {}, self.take, self._alert, self.sockets.flush
        )
        self._agreement = StateReconciler(
            store, self.calls, self._expectations, self.take, lambda: self._reader.is_listening
        )

    @property
    def is_ready(self) -> bool:
        """Return whether the calls that go on are known and followed."""
        return self._reader.is_ready

    async def holds(self) -> bool:
        """Return the same for `/ready`."""
        return self.is_ready

    def take(self, total: bytes) -> None:
        """Take over a total, from the topic or from the database; raises msgspec.DecodeError."""
        change = self.calls.apply(total)
        if change is None:
            return
        known = self._agreement.epoch
        if known is not None and epoch_of(change.after.version) > known:
            self._agreement.look_soon()
        self.sockets.tell(change.after)
        if _moves_spend(change, self._basis):
            self._budgets.moved(change.after.user_id)

    def _alert(self, alert: AlertMessage) -> None:
        self.sockets.tell_alert(alert)
        self._budgets.moved(alert.user_id)

    async def tell_snapshot(self, session: SocketSession) -> None:
        """Read what the session is about and say it; raises StoreUnavailableError.

        Between the last look at what is held and the first change that the session hears of
        nothing else runs, so no change is missed and none comes first. That is why the budget is
        read when all else is ready.
        """
        user_id = session.caller.user_id
        await self._agreement.reached(None if session.sees_all else user_id)
        for number, state in enumerate(self._of(session)):
            self.views.freshen(state)
            self.views.body(state)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        budget = await self._budgets.body(user_id)
        session.tell_snapshot(self._of(session), budget)
        self.sockets.touch(session)
        self.sockets.flush()

    def _of(self, session: SocketSession) -> list[CallState]:
        """Return the calls that a session is about, whichever changed last at the end."""
        if session.sees_all:
            states = list(self.calls)
        else:
            states = self.calls.of_user(session.caller.user_id)
            states.sort(key=lambda state: state.head.updated_at)
        return [state for state in states if session.wants(state.call_id)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the feed for the length of a block."""
        parts = [self.sockets.run, self.sockets.check]
        if self.is_fed:
            parts += [
                lambda: self._reader.run(self._agreement),
                self._agreement.run,
                self._budgets.run,
                self._reload,
                self._refresh,
            ]
        tasks = [asyncio.create_task(_for_ever(part)) for part in parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reload(self) -> None:
        """Send every socket a new snapshot after the ledger was restored or rebuilt."""
        while True:
            await self._agreement.epoch_changed.wait()
            self._agreement.epoch_changed.clear()
            for session in self.sockets.sessions():
                while True:
                    try:
                        await self.tell_snapshot(session)
                        break
                    except StoreUnavailableError:
                        await asyncio.sleep(_AGAIN_SECONDS)

    async def _refresh(self) -> None:
        while True:
            try:
                await self._expectations.refresh()
                await self._expectations.learn(REFRESH_SECONDS)
            except StoreUnavailableError:
                await asyncio.sleep(_AGAIN_SECONDS)


async def _for_ever(part: Callable[[], Awaitable[None]]) -> None:
    """Run a part of the feed again whenever a fault of ours ends it: the others need it."""
    while True:
        try:
            await part()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _log.warning("a part of the feed was cut off", extra={"action": "feed_part_failed"})
        except Exception:
            # Whatever it is: a feed that stands still unnoticed would be worse.
            _log.exception("a part of the feed failed", extra={"action": "feed_part_failed"})
        await asyncio.sleep(_AGAIN_SECONDS)


def _moves_spend(change: CallStateChange, basis: BudgetBasis) -> bool:
    before, after = change.before, change.after.head
    if before is None:
        return True
    if basis == "cost":
        return before.head.total_cost != after.total_cost
    was = (before.head.charged_to_user, before.head.refunded)
    return was != (after.charged_to_user, after.refunded)
