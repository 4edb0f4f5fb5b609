"""The watchdog ends a worker that has records to read but reads none."""

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
CHECKS = 30


class WatchedConsumer:
    """What a consumer reports of the ends of its partitions."""

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


class WatchedLane:
    """A lane as the watchdog sees it; one batch is counted in each of the first `steps` checks."""

    def __init__(
        self, counted: int, *, read: int | None = None, failing: bool = False, steps: int = 0
    ) -> None:
        self.partitions = (PARTITION,)
        self.next_offsets = {PARTITION.partition: counted}
        self.read_offsets = {PARTITION.partition: counted if read is None else read}
        self.stop, self.checks = asyncio.Event(), 0
        self._is_failing = failing
        self._batches, self._steps = 0, steps

    @property
    def is_failing(self) -> bool:
        """Return whether the database fails; each check starts here, and the last one stops it."""
        self.checks += 1
        if self.checks == CHECKS:
            self.stop.set()
        return self._is_failing

    @property
    def batches(self) -> int:
        if self._steps:
            self._steps -= 1
            self._batches += 1
        return self._batches


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "CHECK_SECONDS", 0.001)


async def _watch(brokers: WatchedConsumer, lane: WatchedLane) -> None:
    """Watch a lane for CHECKS checks; a check without progress since the previous one is a stall."""
    watching = Watchdog(cast("AIOKafkaConsumer", brokers), [cast("Lane", lane)], 0)
    async with asyncio.timeout(60):
        await watching.run(lane.stop)


async def assert_no_stall(brokers: WatchedConsumer, lane: WatchedLane) -> None:
    """Fail if the watchdog ends the worker, or if it checked the lane less than CHECKS times."""
    await _watch(brokers, lane)
    assert lane.checks == CHECKS


async def test_uncounted_records_end_the_worker() -> None:
    with pytest.raises(StalledError, match="7 records wait"):
        await _watch(WatchedConsumer(end=17), WatchedLane(counted=10))


async def test_read_but_uncounted_records_end_the_worker() -> None:
    with pytest.raises(StalledError, match="5 records wait"):
        await _watch(WatchedConsumer(end=17, read=17), WatchedLane(counted=10, read=15))


async def test_gap_at_the_end_of_the_log_is_not_a_stall() -> None:
    """Transaction markers and removed records are nothing to read."""
    await assert_no_stall(WatchedConsumer(end=17, read=17), WatchedLane(counted=10))


async def test_emptied_log_ends_the_worker() -> None:
    with pytest.raises(StalledError, match="ends at 2, 10 of its records"):
        await _watch(WatchedConsumer(end=2, highwater=2), WatchedLane(counted=10))


async def test_reading_everything_is_not_a_stall() -> None:
    await assert_no_stall(WatchedConsumer(end=10, highwater=10), WatchedLane(counted=10))


async def test_progress_is_not_a_stall() -> None:
    await assert_no_stall(WatchedConsumer(end=1_000), WatchedLane(counted=10, steps=10_000))


async def test_waiting_for_the_database_is_not_a_stall() -> None:
    await assert_no_stall(WatchedConsumer(end=17), WatchedLane(counted=10, failing=True))


async def test_unanswered_requests_are_not_a_stall() -> None:
    await assert_no_stall(WatchedConsumer(end=17, away=True), WatchedLane(counted=10))
