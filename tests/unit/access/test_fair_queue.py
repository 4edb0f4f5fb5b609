"""The fair queue: no client exceeds its share or waits behind the backlog of another client."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.postgres.fair_queue import FairQueue, QueueFullError


class QueueClients:
    """Clients at a queue, and the order in which they were admitted."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.entered: list[str] = []
        self.held: Counter[str] = Counter()
        self.go_on = asyncio.Event()

    async def one(self, client: str, timeout_seconds: int = 60) -> None:
        async with self.queue.slot(client, timeout_seconds):
            self.entered.append(client)
            self.held[client] += 1
            await self.go_on.wait()
            self.held[client] -= 1

    def start(self, clients: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.one(client)) for client in clients]


async def let_clients_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_client_never_holds_more_than_its_share() -> None:
    work = QueueClients(FairQueue(5, 2))
    tasks = work.start("aaaabc")
    await let_clients_run()
    assert work.held == {"a": 2, "b": 1, "c": 1}
    assert work.queue.has_full_share("a")
    assert not work.queue.has_full_share("b")
    work.go_on.set()
    await asyncio.gather(*tasks)


async def test_clients_take_turns() -> None:
    work = QueueClients(FairQueue(1, 1))
    tasks = work.start("aaaaabbc")
    await let_clients_run()
    work.go_on.set()
    await asyncio.gather(*tasks)
    assert "".join(work.entered) == "aabcabaa"


async def test_timed_out_wait_leaves_no_trace() -> None:
    queue = FairQueue(1, 1)
    async with queue.slot("a", 1):
        with pytest.raises(TimeoutError):
            await QueueClients(queue).one("b", timeout_seconds=0)
        waiting = asyncio.create_task(QueueClients(queue).one("c"))
        await let_clients_run()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with queue.slot("d", 0):
        pass


async def test_number_of_waiting_clients_is_bounded() -> None:
    work = QueueClients(FairQueue(1, 1, waiting_per_client_max=2))
    tasks = work.start("aaab")
    await let_clients_run()
    with pytest.raises(QueueFullError):
        await work.one("a")
    work.go_on.set()
    await asyncio.gather(*tasks)


@given(
    clients=st.text("abcd", min_size=1, max_size=40),
    cancelled=st.sets(st.integers(0, 39)),
    places=st.integers(1, 4),
    share=st.integers(1, 4),
)
def test_slots_are_never_lost_or_granted_twice(
    clients: str, cancelled: set[int], places: int, share: int
) -> None:
    async def run() -> None:
        work = QueueClients(FairQueue(places, share))
        tasks = work.start(clients)
        await let_clients_run()
        for number in cancelled:
            if number < len(tasks):
                tasks[number].cancel()
                if number % 3 == 0:
                    await asyncio.sleep(0)
        await let_clients_run()
        assert sum(work.held.values()) <= places + len(cancelled)
        work.go_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        again = QueueClients(work.queue)
        fresh = again.start("wxyz"[:places])
        await let_clients_run()
        assert again.held.total() == min(places, len(fresh))
        again.go_on.set()
        await asyncio.gather(*fresh)

    asyncio.run(run())
