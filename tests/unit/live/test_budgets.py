"""The budgets of the live feed: every socket of a user ends up with what was read last."""

import asyncio
import json
from typing import cast

import pytest

from api.http.access import Caller
from api.http.options import RequestLimits
from api.live.budgets import LiveBudgets
from api.live.expectations import UsualDurations
from api.live.feed import Feed
from api.live.session import SocketSession
from api.live.sockets import SocketRegistry
from api.live.view import CallViews
from ledger.live.calls import LiveStore
from ledger.postgres.viewers import ReaderPool
from schemas.budgets import Budget
from tests.unit.live.test_rules import total


class Wire:
    """A connection that takes everything, and the texts that were written to it."""

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
            said = json.loads(frames[head : head + length])
            if "budget" in said:
                self.budgets.append(said["budget"])
            frames = frames[head + length :]


class Reads:
    """What the database says of a budget: a number, each time as it is when it is asked."""

    def __init__(self) -> None:
        self.value = 1

    async def __call__(self, user_id: str) -> Budget:
        value = self.value
        await asyncio.sleep(0)
        return cast(Budget, value)


def a_session(views: CallViews) -> tuple[SocketSession, Wire]:
    wire = Wire()
    session = SocketSession(Caller("alice", "user", 2**33), cast(asyncio.Transport, wire), views)
    return session, wire


def the_views() -> CallViews:
    return CallViews(UsualDurations(cast(LiveStore, None)))


async def a_round(budgets: LiveBudgets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let budgets that moved be told, as once a second."""
    monkeypatch.setattr("api.live.budgets.ROUND_SECONDS", 0)
    rounds = asyncio.create_task(budgets.run())
    for _ in range(20):
        await asyncio.sleep(0)
    rounds.cancel()
    await asyncio.gather(rounds, return_exceptions=True)


async def test_what_a_second_socket_is_shown_the_first_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, sockets, views = Reads(), SocketRegistry(RequestLimits()), the_views()
    budgets = LiveBudgets(reads, sockets)
    (first, heard), (second, _) = a_session(views), a_session(views)
    with sockets.joined(first), sockets.joined(second):
        first.send_snapshot([], await budgets.body("alice"))
        reads.value = 2
        budgets.mark_changed("alice")
        second.send_snapshot([], await budgets.body("alice"))
        await a_round(budgets, monkeypatch)
    assert heard.budgets == [1, 2]


async def test_no_older_budget_follows_a_snapshot() -> None:
    reads, sockets, views = Reads(), SocketRegistry(RequestLimits()), the_views()
    budgets = LiveBudgets(reads, sockets)
    session, wire = a_session(views)
    with sockets.joined(session):
        session.send_snapshot([], await budgets.body("alice"))
        sockets.queue_budget("alice", b"2")
        session.subscribe(None)
        reads.value = 3
        session.send_snapshot([], await budgets.body("alice"))
        sockets.touch(session)
        sockets.flush()
    assert wire.budgets[-1] == 3


async def test_a_snapshot_of_many_calls_has_the_budget_that_was_read_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = Reads()
    feed = Feed(cast(ReaderPool, None), reads, RequestLimits(), "charged")

    async def agreed(user_id: str | None) -> None:
        return None

    monkeypatch.setattr(feed._reconciler, "wait_until_current", agreed)
    monkeypatch.setattr("api.live.feed._YIELD_EVERY", 2)
    monkeypatch.setattr(feed.calls, "_is_stale", lambda head: False)
    for number in range(20):
        feed.apply_total(total(f"c{number}"))
    session, wire = a_session(feed.views)
    with feed.sockets.joined(session):
        shown = asyncio.create_task(feed.send_snapshot(session))
        for _ in range(4):
            await asyncio.sleep(0)
        reads.value = 2
        await feed._budgets._send("alice")
        await shown
        await a_round(feed._budgets, monkeypatch)
    assert wire.budgets[-1] == 2
