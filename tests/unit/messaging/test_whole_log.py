"""Records that the embedded broker shows late are read in their place."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from messaging import whole_log
from messaging.whole_log import WholeLogConsumer

PLACE = TopicPartition("topic", 3)


@pytest.fixture
async def log(monkeypatch: pytest.MonkeyPatch) -> tuple[WholeLogConsumer, set[int]]:
    """A consumer of a log, and the offsets that the log shows."""
    shown: set[int] = set()
    position = [0]

    async def getmany(
        _: AIOKafkaConsumer, *places: TopicPartition, **__: Any
    ) -> dict[TopicPartition, list[SimpleNamespace]]:
        offsets = sorted(offset for offset in shown if offset >= position[0])
        if offsets:
            position[0] = offsets[-1] + 1
        return {PLACE: [SimpleNamespace(offset=offset) for offset in offsets]} if offsets else {}

    def seek(_: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        position[0] = offset

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
    monkeypatch.setattr(AIOKafkaConsumer, "seek", seek)
    monkeypatch.setattr(AIOKafkaConsumer, "__del__", lambda _: None)
    consumer = WholeLogConsumer(bootstrap_servers="127.0.0.1:1")
    consumer.seek(PLACE, 0)
    return consumer, shown


async def polled(consumer: WholeLogConsumer) -> list[int]:
    return [record.offset for record in (await consumer.getmany()).get(PLACE, [])]


async def test_a_record_that_is_shown_late_is_read(log: tuple[WholeLogConsumer, set[int]]) -> None:
    consumer, shown = log
    shown |= {0, 1, 3, 4}
    assert await polled(consumer) == [0, 1]
    assert await polled(consumer) == []
    shown.add(2)
    assert await polled(consumer) == [2, 3, 4]
    shown |= {5, 6}
    assert await polled(consumer) == [5, 6]


async def test_a_late_first_record_is_read(log: tuple[WholeLogConsumer, set[int]]) -> None:
    consumer, shown = log
    shown.add(1)
    assert await polled(consumer) == []
    shown.add(0)
    assert await polled(consumer) == [0, 1]


async def test_a_lasting_hole_is_passed_with_a_warning(
    log: tuple[WholeLogConsumer, set[int]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer, shown = log
    shown |= {0, 2}
    assert await polled(consumer) == [0]
    monkeypatch.setattr(whole_log, "LATE_SECONDS_MAX", 0)
    assert await polled(consumer) == [2]
    assert "no record at offset 1" in caplog.text
