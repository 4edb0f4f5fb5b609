"""A worker that has records to read and reads none ends; one that waits for others does not."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from messaging.kafka import AIOKafkaConsumer, KafkaError, TopicPartition
from schemas.topics import CALL_EVENTS
from streams import watchdog
from streams.lane import Lane
from streams.watchdog import StalledError, Watchdog

PARTITION = TopicPartition(CALL_EVENTS.name, 3)


class Brokers:
    """What a consumer says of its partitions' ends."""

    def __init__(
        self, end: int, highwater: int | None = None, *, read: int = 10, away: bool = False
    ) -> None:
        self.end, self.high, self.read, self.away = end, highwater, read, away

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[Any, int]:
        if self.away:
            raise KafkaError
        return dict.fromkeys(partitions, self.end)

    async def position(self, _: TopicPartition) -> int:
        return self.read

    def highwater(self, _: TopicPartition) -> int | None:
        return self.high


class Watched:
    """A lane as the watchdog sees it; `steps` batches are counted, one a look."""

    def __init__(
        self, counted: int, *, read: int | None = None, failing: bool = False, steps: int = 0
    ) -> None:
        self.partitions = (PARTITION,)
        self.next_offsets = {PARTITION.partition: counted}
        self.read_offsets = {PARTITION.partition: counted if read is None else read}
        self.failing = failing
        self._batches, self._steps = 0, steps

    @property
    def batches(self) -> int:
        if self._steps:
            self._steps -= 1
            self._batches += 1
        return self._batches


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "CHECK_SECONDS", 0.01)


async def _watch(brokers: Brokers, lane: Watched) -> None:
    """Watch for some thirty looks; without a moment's patience once nothing moves."""
    watching = Watchdog(cast("AIOKafkaConsumer", brokers), [cast("Lane", lane)], 0)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)
    await watching.run(stop)


async def test_records_that_nobody_counts_end_the_worker() -> None:
    with pytest.raises(StalledError, match="7 records wait"):
        await _watch(Brokers(end=17), Watched(counted=10))


async def test_records_that_were_read_and_never_counted_end_the_worker() -> None:
    with pytest.raises(StalledError, match="5 records wait"):
        await _watch(Brokers(end=17, read=17), Watched(counted=10, read=15))


async def test_a_gap_at_the_end_of_the_log_is_no_stall() -> None:
    """A transaction's marker, or records that retention took: nothing that waits."""
    await _watch(Brokers(end=17, read=17), Watched(counted=10))


async def test_a_log_that_was_emptied_under_the_worker_ends_it() -> None:
    with pytest.raises(StalledError, match="ends at 2, 10 of its records"):
        await _watch(Brokers(end=2, highwater=2), Watched(counted=10))


async def test_having_read_everything_is_no_stall() -> None:
    await _watch(Brokers(end=10, highwater=10), Watched(counted=10))


async def test_progress_is_no_stall() -> None:
    await _watch(Brokers(end=1_000), Watched(counted=10, steps=10_000))


async def test_waiting_for_the_database_is_no_stall() -> None:
    await _watch(Brokers(end=17), Watched(counted=10, failing=True))


async def test_brokers_that_do_not_answer_are_no_stall() -> None:
    await _watch(Brokers(end=17, away=True), Watched(counted=10))
