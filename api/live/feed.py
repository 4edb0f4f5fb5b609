"""The live feed of one replica: its parts and their background tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from api.http.options import RequestLimits
from api.live.alerts import AlertMessage
from api.live.budgets import LiveBudgets, ReadBudget
from api.live.history import CostHistory
from api.live.reconciler import StateReconciler
from api.live.session import SocketSession
from api.live.sockets import SocketRegistry
from api.live.state import CallStateChange, CallVersion, LiveCalls
from api.live.topic_follower import TopicFollower
from api.live.tracing import FeedTracing
from api.live.usual_calls import REFRESH_SECONDS, UsualCalls
from api.live.view import CallViews
from ledger.live.calls import LiveStore
from ledger.postgres.viewers import ReaderPool, StoreUnavailableError
from ledger.recording.epochs import epoch_of
from messaging.tracing import Tracer
from schemas.alerts import SpendBasis

_YIELD_EVERY: Final = 200
_RETRY_SECONDS: Final = 2

_log: Final = logging.getLogger(__name__)


class Feed:
    """Connects the topics and the database with the open sockets.

    `client_options` are the settings of the Kafka consumers; without them the feed is never ready.
    """

    def __init__(
        self,
        readers: ReaderPool,
        read_budget: ReadBudget,
        limits: RequestLimits,
        basis: SpendBasis,
        client_options: Mapping[str, Any] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        store = LiveStore(readers)
        self._basis = basis
        self.has_brokers = client_options is not None
        """Whether the feed has brokers to read from."""
        self.calls = LiveCalls()
        self.history = CostHistory()
        self.sockets = SocketRegistry(limits)
        self._usual_calls = UsualCalls(store)
        self.views = CallViews(self._usual_calls)
        self.budgets = LiveBudgets(read_budget, self.sockets)
        tracing = FeedTracing(tracer, lambda: self.sockets.offered) if tracer else None
        self._follower = TopicFollower(
            client_options or {}, self.apply_total, self._alert, self.sockets.flush, tracing
        )
        self._reconciler = StateReconciler(
            store,
            self.calls,
            self._usual_calls,
            self.apply_total,
            lambda: self._follower.is_listening,
        )

    @property
    def is_ready(self) -> bool:
        """Return whether the active calls are known and followed."""
        return self._follower.is_ready

    async def passes(self) -> bool:
        """Return `is_ready`, for `/ready`."""
        return self.is_ready

    def apply_total(self, total: bytes) -> None:
        """Apply a call's total from the topic or the database; raises msgspec.DecodeError."""
        change = self.calls.apply(total)
        if change is None:
            return
        known = self._reconciler.epoch
        if known is not None and epoch_of(change.after.version) > known:
            self._reconciler.request_full_check()
        self.sockets.queue_call(change.after)
        if self.is_ready:
            self.history.note(change)
        if _moves_spend(change, self._basis):
            self.budgets.mark_changed(change.after.user_id)

    def _alert(self, alert: AlertMessage) -> None:
        self.sockets.queue_alert(alert)
        self.budgets.mark_changed(alert.user_id)

    async def send_snapshot(self, session: SocketSession) -> None:
        """Send the session a snapshot of its calls; raises StoreUnavailableError.

        Nothing else runs between the last read of the calls and the first change offered to the
        session, so no change is missed or sent before the snapshot. Therefore the budget is read
        last.
        """
        user_id = session.caller.user_id
        await self._reconciler.wait_until_current(None if session.sees_all else user_id)
        for index, state in enumerate(self._calls_of(session)):
            self.views.discard_stale(state)
            self.views.body(state)
            if index % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
        budget = await self.budgets.body(user_id)
        session.send_snapshot(self._calls_of(session), budget)
        self.sockets.touch(session)
        self.sockets.flush()

    def _calls_of(self, session: SocketSession) -> list[CallVersion]:
        """Return the calls of a session, ordered by last change."""
        if session.sees_all:
            states = list(self.calls)
        else:
            states = self.calls.of_user(session.caller.user_id)
            states.sort(key=lambda state: state.head.updated_at)
        return [state for state in states if session.subscribes_to(state.call_id)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the feed for the duration of the block."""
        parts = [self.sockets.run, self.sockets.check]
        if self.has_brokers:
            parts += [
                lambda: self._follower.run(self._reconciler),
                self._reconciler.run,
                self.budgets.run,
                self.history.run,
                self._reload,
                self._refresh,
            ]
        tasks = [asyncio.create_task(_run_with_restarts(part)) for part in parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reload(self) -> None:
        """Send every socket a new snapshot after the ledger was restored or rebuilt."""
        while True:
            await self._reconciler.epoch_changed.wait()
            self._reconciler.epoch_changed.clear()
            for session in self.sockets.sessions():
                while True:
                    try:
                        await self.send_snapshot(session)
                        break
                    except StoreUnavailableError:
                        await asyncio.sleep(_RETRY_SECONDS)

    async def _refresh(self) -> None:
        while True:
            try:
                await self._usual_calls.refresh()
                await self._usual_calls.read_new(REFRESH_SECONDS)
            except StoreUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)


async def _run_with_restarts(part: Callable[[], Awaitable[None]]) -> None:
    """Run a part of the feed, and restart it after an error."""
    while True:
        try:
            await part()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _log.warning("a part of the feed was cancelled", extra={"action": "feed_part_failed"})
        except Exception:
            # Restart after any error: a feed that stops silently would be worse.
            _log.exception("a part of the feed failed", extra={"action": "feed_part_failed"})
        await asyncio.sleep(_RETRY_SECONDS)


def _moves_spend(change: CallStateChange, basis: SpendBasis) -> bool:
    before, after = change.before, change.after.head
    if before is None:
        return True
    if basis == "cost":
        return before.head.total_cost != after.total_cost
    was = (before.head.charged_to_user, before.head.refunded)
    return was != (after.charged_to_user, after.refunded)
