"""Sends the records of a gap again from a copy in the format of `kcat -J`."""

from __future__ import annotations

import asyncio

import msgspec

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.failures import CommandError
from cost_analytics.publishing import open_lines, read_lines
from cost_analytics.sending import open_sender
from ledger.operations.gaps import StreamGap
from schemas.cloudevents import Headers
from schemas.topics import GAP_ID, GAP_OFFSET


class CopiedRecord(msgspec.Struct):
    """A line of `kcat -J`; `headers` are alternating names and values."""

    topic: str
    partition: int
    offset: int
    key: str | None = None
    payload: str | None = None
    headers: list[str | None] = []


async def resend(kafka: KafkaSection, gap: StreamGap, file: str, stop: asyncio.Event) -> str:
    """Send the lines of a file that belong to a gap; returns a summary.

    Raises CommandError for an invalid line, and if Kafka cannot be reached.
    """
    number = other = 0
    with open_lines(file) as source:
        async with open_sender(kafka) as sender:
            async for line in read_lines(source, stop):
                number += 1
                if not line.strip():
                    continue
                record = _record(line, number)
                if not _belongs(record, gap):
                    other += 1
                    continue
                value = b"" if record.payload is None else record.payload.encode()
                key = None if record.key is None else record.key.encode()
                await sender.send(gap.topic, value, key, _headers(record, gap))
            await sender.flush()
            sent = sender.acknowledged
    skipped = f" {other} records outside the gap were skipped." if other else ""
    return f"Sent {sent} records of gap {gap.gap_id} again.{skipped}"


def _record(line: bytes, number: int) -> CopiedRecord:
    try:
        return msgspec.json.decode(line, type=CopiedRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(
            f"Line {number} is not a record as printed by `kcat -J`: {error}"
        ) from None


def _belongs(record: CopiedRecord, gap: StreamGap) -> bool:
    is_there = (record.topic, record.partition) == (gap.topic, gap.partition)
    is_before_end = gap.to_offset is None or record.offset < gap.to_offset
    return is_there and record.offset >= gap.from_offset and is_before_end


def _headers(record: CopiedRecord, gap: StreamGap) -> Headers:
    """Return the headers of the copy, and those that identify its offset in the gap."""
    names, values = record.headers[::2], record.headers[1::2]
    copied = [
        (name or "", None if value is None else value.encode())
        for name, value in zip(names, values, strict=False)
        if name not in (GAP_ID, GAP_OFFSET)
    ]
    identification = [(GAP_ID, str(gap.gap_id).encode()), (GAP_OFFSET, str(record.offset).encode())]
    return [*copied, *identification]
