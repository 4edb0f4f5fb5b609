"""A consumer that also reads records that a broker shows late.

The embedded broker can show a record before an earlier one that is still being appended. An
ordinary consumer continues after the later one and never reads the earlier one. Apache Kafka shows
records in order, and its logs have holes, such as the markers of transactions: there an ordinary
consumer is right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

LATE_SECONDS_MAX: Final = 1
"""A hole that lasts for this long contains no records."""

_log: Final = logging.getLogger(__name__)


class WholeLogConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Returns the records of each partition up to its first hole, and polls the hole again."""

    def __init__(self, *topics: str, **options: Any) -> None:
        super().__init__(*topics, **options)
        self._next: dict[TopicPartition, int] = {}
        self._holes: dict[TopicPartition, tuple[int, int]] = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        super().seek(partition, offset)
        self._next[partition] = offset

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        polled = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
        whole = {place: self._up_to_hole(place, records) for place, records in polled.items()}
        return {place: records for place, records in whole.items() if records}

    def _up_to_hole(
        self, partition: TopicPartition, records: list[ConsumerRecord]
    ) -> list[ConsumerRecord]:
        """Return the records before the first hole; the next poll begins at the hole."""
        expected = self._next.get(partition, _first_offset(records))
        for index, record in enumerate(records):
            if record.offset > expected and not self._is_lasting(partition, expected):
                with suppress(IllegalStateError):  # the partition has been revoked meanwhile
                    self.seek(partition, expected)
                return records[:index]
            expected = record.offset + 1
        self._next[partition] = expected
        return records

    def _is_lasting(self, partition: TopicPartition, offset: int) -> bool:
        """Return whether the hole at an offset has lasted for LATE_SECONDS_MAX."""
        now_ns = time.monotonic_ns()
        found, since_ns = self._holes.get(partition, (-1, 0))
        if found != offset:
            self._holes[partition] = (offset, now_ns)
            return False
        if now_ns - since_ns < LATE_SECONDS_MAX * 1_000_000_000:
            return False
        _log.warning(
            "%s [%d] has no record at offset %d",
            partition.topic,
            partition.partition,
            offset,
            extra={"action": "record_left_out"},
        )
        return True


def _first_offset(records: Sequence[ConsumerRecord]) -> int:
    return int(records[0].offset) if records else 0
