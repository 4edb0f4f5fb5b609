"""The delivery journal: a restored ledger knows what was delivered after its backup."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from devkit.embedded.tansu import EmbeddedTansu
from ledger.notifications.deliveries import delivery_store
from ledger.postgres.database import connected
from ledger.recording.epochs import raise_epoch
from messaging.kafka import KafkaSettings, ensure_topics
from schemas.topics import DELIVERIES
from streams import journal as journals
from streams.notifications.journal import DeliveryJournal, delivery_journal
from tests.support.notifications import (
    alert,
    attempts,
    delivery_worker,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import receiver
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

NO_BROKER = KafkaSection("127.0.0.1:1", idempotent=False).client()


@pytest.fixture
async def pipeline(tmp_path: Path, database_url: str) -> AsyncIterator[Pipeline]:
    """A broker of its own with empty topics."""
    async with EmbeddedTansu(tmp_path) as tansu:
        pipeline = Pipeline(tansu.bootstrap, False, database_url)
        await ensure_topics(pipeline.kafka)
        yield pipeline


@asynccontextmanager
async def journal_on(kafka: KafkaSettings, url: str) -> AsyncIterator[DeliveryJournal]:
    """Open a journal for the length of a block."""
    async with delivery_store(url) as store, delivery_journal(kafka, store) as journal:
        assert journal is not None
        yield journal


async def restore_backup(url: str) -> None:
    """Do as a restore does."""
    async with connected(url, name="test") as connection:
        await raise_epoch(connection, "restore")


async def unjournaled(url: str) -> int:
    rows = await fetch(
        url,
        "SELECT FROM notice_deliveries WHERE state = 'delivered' AND journaled_at IS NULL",
    )
    return len(rows)


async def test_restored_ledger_sends_no_journaled_delivery_again(pipeline: Pipeline) -> None:
    url = pipeline.database_url
    async with receiver() as endpoint, journal_on(pipeline.kafka, url) as journal:
        await write_channel(url, endpoint.url)
        waiting, later = alert(), alert()
        await write_alerts(url, waiting, later)
        async with delivery_worker(url, journal=journal):
            await until_ended(url, 2)
        assert len(endpoint.accepted) == 2, await attempts(url)
        assert await unjournaled(url) == 0
        # The backup has the first delivery as pending, and not the second.
        await fetch(
            url,
            """UPDATE notice_deliveries SET state = 'pending', delivered_at = NULL, next_attempt_at = now(),
               journaled_at = NULL WHERE subject_id = $1""",
            waiting.alert_id,
        )
        await fetch(url, "DELETE FROM notice_deliveries WHERE subject_id = $1", later.alert_id)
        await restore_backup(url)
        new = alert()
        await write_alerts(url, new)
        async with delivery_worker(url, journal=journal):
            assert await until_ended(url, 3) == ["delivered"] * 3
        sent = [request.json["data"]["alertId"] for request in endpoint.accepted]
        assert sent == [waiting.alert_id, later.alert_id, new.alert_id]


async def test_no_delivery_starts_before_the_journal_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = pipeline.database_url
    monkeypatch.setattr(journals, "WRITE_SECONDS_MAX", 1)
    async with receiver() as endpoint:
        await write_channel(url, endpoint.url)
        await write_alerts(url, alert())
        await restore_backup(url)
        async with journal_on(NO_BROKER, url) as journal, delivery_worker(url, journal=journal):
            async with asyncio.timeout(60):
                while "deliveries failed" not in caplog.text:
                    await asyncio.sleep(0.05)
        async with delivery_worker(url):  # also not by a process without a journal
            await until(lambda: is_queued(url))
        assert endpoint.requests == []
        async with (
            journal_on(pipeline.kafka, url) as journal,
            delivery_worker(url, journal=journal),
        ):
            await until_ended(url, 1)
        assert len(endpoint.accepted) == 1


async def is_queued(url: str) -> bool:
    return bool(await fetch(url, "SELECT FROM notice_deliveries"))


async def test_deliveries_continue_without_brokers_and_are_journaled_later(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pipeline.database_url
    monkeypatch.setattr(journals, "WRITE_SECONDS_MAX", 1)
    async with receiver() as endpoint:
        await write_channel(url, endpoint.url)
        await write_alerts(url, *(alert() for _ in range(3)))
        async with journal_on(NO_BROKER, url) as journal, delivery_worker(url, journal=journal):
            await until_ended(url, 3)
        assert await unjournaled(url) == 3

        async def are_journaled() -> bool:
            return await unjournaled(url) == 0

        async with (
            journal_on(pipeline.kafka, url) as journal,
            delivery_worker(url, journal=journal),
        ):
            await until(are_journaled)
        rows = await fetch(url, "SELECT delivery_id::text AS id FROM notice_deliveries")
    journaled = {str(record.value) for record in await pipeline.read_all(DELIVERIES.name)}
    assert all(any(row["id"] in one for one in journaled) for row in rows)


async def test_invalid_journal_record_is_skipped(pipeline: Pipeline) -> None:
    url = pipeline.database_url
    await restore_backup(url)
    async with receiver() as endpoint, journal_on(pipeline.kafka, url) as journal:
        await write_channel(url, endpoint.url)
        await write_alerts(url, alert())
        for value in (b"", b"no JSON", b'{"deliveryId":"1"}'):
            await pipeline.send_to(DELIVERIES.name, value)
        async with delivery_worker(url, journal=journal):
            await until_ended(url, 1)
        assert len(endpoint.accepted) == 1
