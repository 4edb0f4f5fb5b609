"""Erases users again in a ledger that was restored from an earlier backup."""

from __future__ import annotations

import logging
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import msgspec

from ledger.people.erasure import ErasureBusyError, apply_records
from ledger.postgres.database import Connection
from messaging.kafka import ConsumerRecord, KafkaSettings, ensure_topics
from messaging.topic_snapshot import read_topic
from schemas.people import ErasureRecord
from schemas.topics import ERASURES

_decoder: Final = msgspec.json.Decoder(ErasureRecord)

_log: Final = logging.getLogger(__name__)


async def import_erasures(kafka: KafkaSettings, connection: Connection) -> None:
    """Erase again the users whose erasures are on the topic.

    Raises KafkaError, TimeoutError or a database error; then the caller repeats it.
    """
    await ensure_topics(kafka)
    records: list[tuple[int, ErasureRecord]] = []
    async with aclosing(read_topic(kafka, ERASURES.name)) as reading:
        async for chunk in reading:
            records += [
                (record.timestamp, one) for record in chunk if (one := _decode(record)) is not None
            ]
    # By time, because a file may have been rewritten more than once.
    records.sort(key=lambda pair: pair[0])
    try:
        found = await apply_records(connection, [one for _, one in records], datetime.now(UTC))
    except ErasureBusyError as error:
        raise TimeoutError(str(error)) from None
    if records:
        _log.warning(
            "%d erased users were erased again, of %d recorded erasures",
            found,
            len(records),
            extra={"action": "erasures_applied", "erased": found, "recorded": len(records)},
        )


def _decode(record: ConsumerRecord) -> ErasureRecord | None:
    try:
        decoded: ErasureRecord = _decoder.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.error("a record is not an erasure", extra={"action": "erasure_unreadable"})
        return None
    return decoded
