"""Decodes polled Kafka records into a batch: events, dead letters and offsets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from ledger.calls.fast_path import FastPathRater
from ledger.calls.rating import FastPathCost, rate_if_priced
from ledger.prices.catalogue import Catalogue
from ledger.recording.batch import SMALL_BATCH_MAX, Batch, dead_letter
from ledger.recording.offsets import ResentRecord
from messaging.kafka import ConsumerRecord, TopicPartition
from schemas.cloudevents import Window, decode
from schemas.refusals import Refused
from schemas.topics import GAP_ID, GAP_OFFSET

RECORDS_PER_SLICE: Final = 250
_NUMBER: Final = re.compile(rb"[0-9]{1,18}")


async def decode_records(
    polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], catalogue: Catalogue, now: datetime
) -> Batch:
    """Decode the records of one poll; other tasks may run after every few hundred records.

    Costs with a price in the catalogue are rated here. In a large batch, ordinary costs take the
    fast path.
    """
    batch = Batch(is_large=sum(map(len, polled.values())) > SMALL_BATCH_MAX)
    window = Window.around(now)
    for partition, records in polled.items():
        if not records:
            continue
        for start in range(0, len(records), RECORDS_PER_SLICE):
            chunk = records[start : start + RECORDS_PER_SLICE]
            fast = _fast_costs(chunk, window, catalogue) if batch.is_large else [None] * len(chunk)
            _decode_slice(batch, chunk, fast, window, catalogue)
            batch.size_bytes += _bytes_of(chunk)
            await asyncio.sleep(0)
        batch.next_offsets[partition.partition] = records[-1].offset + 1
    return batch


def describe_record(record: ConsumerRecord) -> str:
    """Return the offset and a digest of a record, as `offset:digest`."""
    digest = blake2b(digest_size=16)
    for part in (record.key or b"", record.value or b"", str(record.timestamp).encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"{record.offset}:{digest.hexdigest()}"


def _note_resent(batch: Batch, record: ConsumerRecord) -> None:
    """Add a record to `resent` if its headers name a gap and an offset in it."""
    headers = dict(record.headers)
    numbers = (headers.get(GAP_ID), headers.get(GAP_OFFSET))
    if all(number is not None and _NUMBER.fullmatch(number) for number in numbers):
        batch.resent.append(ResentRecord(*(int(number) for number in numbers if number)))


def _bytes_of(records: Sequence[ConsumerRecord]) -> int:
    size = 0
    for record in records:  # a missing key or value has the size -1, which does not matter
        size += record.serialized_value_size + record.serialized_key_size
        if record.headers:
            size += sum([len(name) + len(value or b"") for name, value in record.headers])
    return size


def _fast_costs(
    records: Sequence[ConsumerRecord], window: Window, catalogue: Catalogue
) -> list[FastPathCost | None]:
    values = [None if record.headers else record.value for record in records]
    return _rater(catalogue).rate(values, window)


@lru_cache(maxsize=1)
def _rater(catalogue: Catalogue) -> FastPathRater:
    return FastPathRater(catalogue)


def _decode_slice(
    batch: Batch,
    records: Sequence[ConsumerRecord],
    fast: Sequence[FastPathCost | None],
    window: Window,
    catalogue: Catalogue,
) -> None:
    for record, cost in zip(records, fast, strict=True):
        if cost is None:
            if record.headers:
                _note_resent(batch, record)
            try:
                event = decode(record.value, record.headers, window)
            except Refused as refusal:
                batch.letters.append(dead_letter(record, refusal))
                continue
            original = None if record.headers else record.value
            batch.events.append(rate_if_priced(event, catalogue, original))
        else:
            batch.events.append(cost)
        batch.records.append(record)
