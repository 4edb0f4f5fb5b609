"""Small policies of the stream: backoff, refusal limit, partition assignment, producer recovery."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.rating import RatedCost, original_event
from ledger.recording.offsets import DeadLetter
from messaging import producer as producing
from messaging.kafka import AIOKafkaProducer, ConsumerRecord, KafkaError, TopicPartition
from messaging.producer import RecoveringProducer
from messaging.retries import Backoff
from streams.dead_letters import RefusalLimit, TooManyRefusedError
from streams.decoding import RECORDS_PER_SLICE, decode_records
from streams.lane import share_out
from tests.support.events import cost, structured
from tests.support.prices import catalogue

TOPIC = "events"


@given(st.integers(1, 40))
def test_backoff_doubles_up_to_a_limit_with_jitter(attempts: int) -> None:
    backoff = Backoff(first_ms=100, max_ms=15_000)
    delays = [backoff.delay_ms() for _ in range(attempts)]
    for attempt, delay in enumerate(delays):
        longest = min(15_000, 100 * 2**attempt)
        assert longest // 2 <= delay <= longest
    backoff.reset()
    assert 50 <= backoff.delay_ms() <= 100


async def test_backoff_ends_at_once_on_stop() -> None:
    stop = asyncio.Event()
    stop.set()
    began = time.monotonic()
    await Backoff(first_ms=60_000, max_ms=60_000).wait(stop)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("refused", "size", "stops"),
    [
        (0, 0, False),
        (999, 999, False),
        (1000, 1000, True),
        (1000, 2000, True),
        (1000, 2001, False),
        (2000, 4000, True),
        (1999, 4000, False),
    ],
)
def test_refusal_limit_stops_at_half_of_a_large_batch(refused: int, size: int, stops: bool) -> None:
    """A systemic fault refuses most of a large batch; a few bad events never stop the stream."""
    limit = RefusalLimit(records_min=1000, percent=50)
    letters = [
        DeadLetter(0, n, "owner_mismatch", "Another user.", None, b"", "[]") for n in range(refused)
    ]
    if stops:
        with pytest.raises(TooManyRefusedError, match=f"{refused} of {size}.*owner_mismatch"):
            limit.check(letters, size)
    else:
        limit.check(letters, size)
    RefusalLimit(percent=0).check(letters, size)
    noise = [DeadLetter(0, 0, "invalid_json", "No JSON.", None, b"", "[]")] * 5000
    limit.check(noise, len(noise))
    unpriced = ["No price."] * refused
    if stops:
        with pytest.raises(TooManyRefusedError, match=f"{refused} of {size}.*unpriced.*No price"):
            limit.check(noise, len(noise) + size, unpriced)
    else:
        limit.check(noise, len(noise) + size, unpriced)
    if stops:
        with pytest.raises(TooManyRefusedError, match=f"{refused} of {size}.*owner_mismatch"):
            limit.check([*noise, *letters], len(noise) + size)


@given(st.sets(st.integers(0, 100)), st.integers(1, 16))
def test_partitions_are_distributed_evenly(numbers: set[int], lanes: int) -> None:
    partitions = [TopicPartition(TOPIC, number) for number in numbers]
    shares = share_out(partitions, lanes)
    assert len(shares) == lanes
    assert sorted(chain(*shares)) == sorted(partitions)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def record(partition: int, offset: int, value: bytes | None) -> Any:
    return ConsumerRecord(TOPIC, partition, offset, 0, 0, b"key", value, None, 3, 0, ())


async def test_poll_becomes_a_batch() -> None:
    """Offsets move past refused records, and rows stay aligned with their records."""
    plains = [cost() for _ in range(RECORDS_PER_SLICE + 10)]
    good = [record(0, 5 + place, structured(plain)) for place, plain in enumerate(plains)]
    polled = {
        TopicPartition(TOPIC, 0): good,
        TopicPartition(TOPIC, 1): [record(1, 70, b"{"), record(1, 75, None)],
        TopicPartition(TOPIC, 2): [],
    }
    batch = await decode_records(polled, catalogue(), datetime.now(UTC))
    assert batch.next_offsets == {0: 5 + len(plains), 1: 76}
    assert [original_event(event).id for event in batch.events] == [plain["id"] for plain in plains]
    assert [received.offset for received in batch.records] == [one.offset for one in good]
    assert all(isinstance(event, RatedCost) for event in batch.events)
    letters = [(letter.partition, letter.offset, letter.code) for letter in batch.letters]
    assert letters == [(1, 70, "invalid_json"), (1, 75, "invalid_json")]
    assert batch.size == len(plains) + 2


@dataclass
class BrokenProducer:
    """A producer whose sends end as prepared."""

    error: BaseException | None = None
    hangs: bool = False
    stopped: bool = False
    sent: list[str] = field(default_factory=list)

    async def start(self) -> None:
        """Open nothing."""

    async def stop(self) -> None:
        self.stopped = True
        if self.hangs:
            await asyncio.Event().wait()

    async def send(self, topic: str, *_: object, **__: object) -> Awaitable[None]:
        self.sent.append(topic)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return asyncio.sleep(0)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (BrokenProducer(error=KafkaError("gone")), KafkaError),
        (BrokenProducer(hangs=True), TimeoutError),
    ],
    ids=["fails", "hangs"],
)
async def test_failed_or_hanging_producer_is_replaced(
    broken: BrokenProducer, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producing, "SEND_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(producing, "STOP_TIMEOUT_SECONDS", 0.05)
    sound = BrokenProducer()
    producers = iter([broken, sound])
    owner = RecoveringProducer(lambda: cast(AIOKafkaProducer, next(producers)))
    with pytest.raises(error):
        await owner.send(TOPIC, key=None, value=b"1")
    assert broken.stopped
    await owner.wait_in_time(await owner.send(TOPIC, key=None, value=b"1"))
    await owner.wait_in_time(await owner.send(TOPIC, key=None, value=b"2"))
    assert sound.sent == [TOPIC] * 2
    await owner.close()
    assert sound.stopped
