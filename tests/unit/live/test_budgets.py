"""Budgets of the live feed: every socket of a user ends with the latest budget."""

import asyncio
import json
from datetime import UTC, datetime
from typing import cast

import pytest

from api.http.access import Caller
from api.http.options import RequestLimits
from api.live.budgets import LiveBudgets
from api.live.feed import Feed
from api.live.reconciler import StateReconciler
from api.live.session import SocketSession
from api.live.sockets import SocketRegistry
from api.live.usual_calls import UsualCalls
from api.live.view import CallViews
from ledger.live.calls import LiveStore
from ledger.postgres.viewers import ReaderPool
from schemas.budgets import Budget
from tests.unit.live.test_rules import total

CALLS = 5_000
"""Enough calls to let other tasks run during a snapshot."""


class FakeTransport:
    """A connection that accepts everything, and the budgets that were written to it."""

    def __init__(self) -> None:
        self.budgets: list[int] = []

    def get_extra_info(self, name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def write(self, frames: bytes) -> None:
        while frames:
            length, head = frames[1], 2
            if length == 126:
                length, head = int.from_bytes(frames[2:4]), 4
            elif length == 127:
                length, head = int.from_bytes(frames[2:10]), 10
            message = json.loads(frames[head : head + length])
            if "budget" in message:
                self.budgets.append(message["budget"])
            frames = frames[head + length :]


class BudgetReads:
    """Reads of the budget: each returns the value at the time of the read."""

    def __init__(self) -> None:
        self.value = 1

    async def __call__(self, user_id: str) -> Budget:
        value = self.value
        await asyncio.sleep(0)
        return cast(Budget, value)


def a_session(views: CallViews) -> tuple[SocketSession, FakeTransport]:
    wire = FakeTransport()
    session = SocketSession(Caller("alice", "user", 2**33), cast(asyncio.Transport, wire), views)
    return session, wire


def the_views() -> CallViews:
    return CallViews(UsualCalls(cast(LiveStore, None)))


async def run_one_round(budgets: LiveBudgets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send changed budgets, as the feed does once a second."""
    monkeypatch.setattr("api.live.budgets.ROUND_SECONDS", 0)
    rounds = asyncio.create_task(budgets.run())
    for _ in range(20):
        await asyncio.sleep(0)
    rounds.cancel()
    await asyncio.gather(rounds, return_exceptions=True)


async def test_budget_read_for_one_socket_reaches_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, sockets, views = BudgetReads(), SocketRegistry(RequestLimits()), the_views()
    budgets = LiveBudgets(reads, sockets)
    (first, transport), (second, _) = a_session(views), a_session(views)
    with sockets.attach(first), sockets.attach(second):
        first.send_snapshot([], await budgets.body("alice"))
        reads.value = 2
        budgets.mark_changed("alice")
        second.send_snapshot([], await budgets.body("alice"))
        await run_one_round(budgets, monkeypatch)
    assert transport.budgets == [1, 2]


async def test_older_budget_never_follows_a_snapshot() -> None:
    reads, sockets, views = BudgetReads(), SocketRegistry(RequestLimits()), the_views()
    budgets = LiveBudgets(reads, sockets)
    session, wire = a_session(views)
    with sockets.attach(session):
        session.send_snapshot([], await budgets.body("alice"))
        sockets.queue_budget("alice", b"2")
        session.subscribe(None)
        reads.value = 3
        session.send_snapshot([], await budgets.body("alice"))
        sockets.touch(session)
        sockets.flush()
    assert wire.budgets[-1] == 3


async def test_slow_snapshot_has_the_latest_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = BudgetReads()
    feed = Feed(cast(ReaderPool, None), reads, RequestLimits(), "charged")

    async def agreed(self: StateReconciler, user_id: str | None) -> None:
        return None

    monkeypatch.setattr(StateReconciler, "wait_until_current", agreed)
    for number in range(CALLS):
        feed.apply_total(total(f"c{number}", updated_at=datetime.now(UTC)))
    session, wire = a_session(feed.views)
    with feed.sockets.attach(session):
        shown = asyncio.create_task(feed.send_snapshot(session))
        await asyncio.sleep(0)
        reads.value = 2
        feed.budgets.mark_changed("alice")
        await run_one_round(feed.budgets, monkeypatch)
        await shown
        await run_one_round(feed.budgets, monkeypatch)
    assert wire.budgets[-1] == 2
