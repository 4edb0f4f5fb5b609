"""From polled Kafka records to a batch for the ledger: decoded events, dead letters, offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ledger.batches import Batch, dead_letter
from schemas.cloudevents import Window, decode
from schemas.refusals import Refused
from streams.kafka import ConsumerRecord, TopicPartition

RECORDS_PER_SLICE: Final = 250


async def decode_records(
    polled: Mapping[TopicPartition, Sequence[ConsumerRecord]],
) -> Batch:
    """Decode what one poll returned, giving way to other tasks every few hundred records."""
    batch = Batch()
    window = Window.around(datetime.now(UTC))
    for partition, records in polled.items():
        if not records:
            continue
        for start in range(0, len(records), RECORDS_PER_SLICE):
            _decode_slice(batch, records[start : start + RECORDS_PER_SLICE], window)
            await asyncio.sleep(0)
        batch.next_offsets[partition.partition] = records[-1].offset + 1
    return batch


def _decode_slice(batch: Batch, records: Sequence[ConsumerRecord], window: Window) -> None:
    events, sources = batch.events, batch.records
    for record in records:
        try:
            events.append(decode(record.value, record.headers, window))
        except Refused as refusal:
            batch.letters.append(dead_letter(record, refusal))
        else:
            sources.append(record)
