"""From polled Kafka records to a batch for the ledger: decoded events, dead letters, offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ledger.batches import Batch, dead_letter
from ledger.catalogue import Catalogue
from ledger.rating import rated_or_whole, write_rows
from ledger.store.inserts import FEW_ROWS
from schemas.cloudevents import Window, event_of, read
from schemas.identity import identities_of
from schemas.refusals import Refused
from streams.kafka import ConsumerRecord, TopicPartition

RECORDS_PER_SLICE: Final = 250


async def decode_records(
    polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], catalogue: Catalogue
) -> Batch:
    """Decode what one poll returned, giving way to other tasks every few hundred records.

    Costs that the catalogue can price are rated at once; where they are many, their rows are also
    written.
    """
    batch = Batch()
    many = sum(map(len, polled.values())) > FEW_ROWS
    window = Window.around(datetime.now(UTC))
    for partition, records in polled.items():
        if not records:
            continue
        for start in range(0, len(records), RECORDS_PER_SLICE):
            _decode_slice(batch, records[start : start + RECORDS_PER_SLICE], window, catalogue)
            if many:
                write_rows(batch.events[-RECORDS_PER_SLICE:])
            await asyncio.sleep(0)
        batch.next_offsets[partition.partition] = records[-1].offset + 1
    return batch


def _decode_slice(
    batch: Batch, records: Sequence[ConsumerRecord], window: Window, catalogue: Catalogue
) -> None:
    envelopes = []
    for record in records:
        try:
            envelopes.append(read(record.value, record.headers, window))
        except Refused as refusal:
            batch.letters.append(dead_letter(record, refusal))
        else:
            batch.records.append(record)
    identities = identities_of([(envelope.source, envelope.id) for envelope in envelopes])
    decoded = batch.records[len(batch.records) - len(envelopes) :]
    for envelope, identity, record in zip(envelopes, identities, decoded, strict=True):
        made_of = None if record.headers else record.value
        batch.events.append(rated_or_whole(event_of(envelope, identity), catalogue, made_of))
