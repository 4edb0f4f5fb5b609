"""A topic is read to its end, although a busy broker answers late and reports its end too low."""

from typing import Any, NamedTuple

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from messaging.kafka import TopicPartition
from messaging.topic_snapshot import read_topic

PLACES = [TopicPartition("topic", number) for number in range(2)]


class Written(NamedTuple):
    """A record that was written long ago."""

    value: bytes
    timestamp: int = 0


class BusyConsumer:
    """Reports no records at first; the first polls end before the broker has answered."""

    def __init__(self, polls_without_answer: int, records: list[list[Written]]) -> None:
        self._silent = polls_without_answer
        self._records = records
        self._read = dict.fromkeys(PLACES, 0)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return set(PLACES)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def seek_to_beginning(self, *_: TopicPartition) -> None: ...

    async def position(self, place: TopicPartition) -> int:
        return self._read[place]

    def highwater(self, place: TopicPartition) -> int | None:
        return None if self._silent > 0 else len(self._records[place.partition])

    async def getmany(self, *wanted: TopicPartition, timeout_ms: int) -> dict[Any, list[Written]]:
        self._silent -= 1
        found = {}
        for place in wanted if self._silent < 0 else ():
            rest = self._records[place.partition][self._read[place] :]
            if rest:
                self._read[place] += len(rest[:2])
                found[place] = rest[:2]
        return found


@pytest.mark.parametrize("silent", [0, 1, 3])
@pytest.mark.parametrize("counts", [(0, 0), (5, 0), (3, 4)])
async def test_all_records_are_read_however_late_the_broker_answers(
    monkeypatch: pytest.MonkeyPatch, silent: int, counts: tuple[int, int]
) -> None:
    records = [[Written(b"%d" % number) for number in range(count)] for count in counts]
    consumer = BusyConsumer(silent, records)
    monkeypatch.setattr("messaging.topic_snapshot.make_consumer", lambda *_, **__: consumer)
    settings = KafkaSection("127.0.0.1:1").client()
    read = [one async for chunk in read_topic(settings, "topic") for one in chunk]
    assert sorted(read) == sorted(records[0] + records[1])
