"""Erases users, with a record of each erasure in Kafka, and rewrites archive files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from api.people import ErasureFailedError
from cost_analytics.progress import print_progress
from ledger.operations.archive_files import ArchiveManifest
from ledger.operations.erased_files import rewrite_files
from ledger.people.erasure import ErasureBusyError, ErasureJournal, UnknownUserError, erase_user
from ledger.people.export import export_lines
from ledger.postgres.database import TRANSIENT_ERRORS, connected
from ledger.postgres.viewers import StoreUnavailableError
from messaging.cluster import retention_ms
from messaging.kafka import KafkaError, KafkaSettings, ensure_topics, make_producer
from messaging.producer import OutgoingRecord, RecoveringProducer
from schemas.people import ErasureReceipt, ErasureRecord, TopicRetention
from schemas.topics import (
    ANOMALIES,
    BUDGET_ALERTS,
    CALL_COMMANDS,
    CALL_EVENTS,
    DEAD_LETTERS,
    DELIVERIES,
    ERASURES,
    EXECUTED_COMMANDS,
)

NAME: Final = "cost-analytics user"
WRITE_SECONDS_MAX: Final = 5
"""Shorter than an idle transaction may last."""
_WITH_USERS: Final = (
    CALL_EVENTS,
    DEAD_LETTERS,
    BUDGET_ALERTS,
    CALL_COMMANDS,
    ANOMALIES,
    DELIVERIES,
    EXECUTED_COMMANDS,
)
"""Topics whose records name users; in the compacted totals the pseudonym replaces the user."""


@asynccontextmanager
async def erasure_journal(kafka: KafkaSettings) -> AsyncIterator[ErasureJournal]:
    """Provide the journal of erasures; writing to it raises KafkaError or TimeoutError."""
    await ensure_topics(kafka)
    producer = RecoveringProducer(lambda: make_producer(kafka), WRITE_SECONDS_MAX)

    async def write(record: ErasureRecord) -> None:
        value = msgspec.json.encode(record)
        await producer.send_records([OutgoingRecord(ERASURES.name, record.record_key, value)])

    try:
        yield write
    finally:
        await producer.close()


async def topic_retentions(kafka: KafkaSettings, now: datetime) -> list[TopicRetention]:
    """Return until when topics can hold records of a user; raises KafkaError or TimeoutError."""
    names = [topic.name for topic in _WITH_USERS]
    kept = await retention_ms(kafka, names)
    return [
        TopicRetention(name, None if (ms := kept.get(name)) is None else now + _span(ms))
        for name in names
    ]


def _span(milliseconds: int) -> timedelta:
    """Return a duration, about 100 years at most: a later time may not exist."""
    return timedelta(
        days=min(milliseconds // 86_400_000, 36_500), milliseconds=milliseconds % 86_400_000
    )


async def erase(
    url: str,
    kafka: KafkaSettings,
    user_id: str,
    author: str,
    now: datetime,
    *,
    dry_run: bool,
    allow_unknown: bool = False,
) -> ErasureReceipt:
    """Erase a user and return the receipt; a dry run changes nothing.

    Raises ErasureBusyError, UnknownUserError unless `allow_unknown`, KafkaError, TimeoutError or a
    PostgreSQL error, with nothing changed.
    """
    topics = await topic_retentions(kafka, now)
    async with connected(url, name=NAME) as connection, erasure_journal(kafka) as journal:
        return await erase_user(
            connection,
            user_id,
            author,
            now,
            topics=topics,
            journal=None if dry_run else journal,
            allow_unknown=allow_unknown,
        )


async def rewrite(url: str, kafka: KafkaSettings, directory: Path) -> list[ArchiveManifest]:
    """Rewrite the archive files that contain erased users; raises what `rewrite_files` raises."""
    async with erasure_journal(kafka) as journal:
        return await rewrite_files(url, directory, journal, print_progress)


class DatabasePeople:
    """Exports and erases users for the API, with the operator's login."""

    def __init__(self, url: str, kafka: KafkaSettings) -> None:
        self._url = url
        self._kafka = kafka

    async def export(self, user_id: str, now: datetime) -> AsyncGenerator[bytes, None]:
        """Yield everything about a user as JSON lines; raises StoreUnavailableError."""
        try:
            async with connected(self._url, name=NAME) as connection:
                async for chunk in export_lines(connection, user_id, now):
                    yield chunk
        except TRANSIENT_ERRORS as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error

    async def erase(
        self, user_id: str, author: str, now: datetime, *, dry_run: bool, allow_unknown: bool
    ) -> ErasureReceipt:
        """Erase a user; raises StoreUnavailableError and ErasureFailedError."""
        try:
            return await erase(
                self._url,
                self._kafka,
                user_id,
                author,
                now,
                dry_run=dry_run,
                allow_unknown=allow_unknown,
            )
        except UnknownUserError:
            raise ErasureFailedError(
                "Nothing was changed: this user id is not in the data. Check its spelling. "
                "If data may still arrive, erase it in advance with `allowUnknown=true`."
            ) from None
        except (ErasureBusyError, KafkaError) as error:
            raise ErasureFailedError(f"Nothing was changed: {error}") from None
        except TRANSIENT_ERRORS as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error
