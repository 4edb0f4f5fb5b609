"""The journal of executed commands: a restored ledger executes none of them again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from devkit.embedded.tansu import EmbeddedTansu
from ledger.commands.execution import command_store
from ledger.postgres.database import connected
from ledger.recording.epochs import raise_epoch
from messaging.kafka import KafkaSettings, ensure_topics
from schemas.topics import EXECUTED_COMMANDS
from streams import journal as journals
from streams.commands.journal import CommandJournal, command_journal
from tests.support.commands import (
    call_events,
    command_rows,
    command_worker,
    request,
    router,
    until_closed,
    write_calls,
)
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline
from tests.support.vendor_servers import vendor_server

NO_BROKER = KafkaSection("127.0.0.1:1", idempotent=False).client()


@pytest.fixture
async def pipeline(tmp_path: Path, database_url: str) -> AsyncIterator[Pipeline]:
    """A broker of its own with empty topics."""
    async with EmbeddedTansu(tmp_path) as tansu:
        pipeline = Pipeline(tansu.bootstrap, False, database_url)
        await ensure_topics(pipeline.kafka)
        yield pipeline


@asynccontextmanager
async def journal_on(kafka: KafkaSettings, url: str) -> AsyncIterator[CommandJournal]:
    """Open a journal for the length of a block."""
    async with command_store(url) as store, command_journal(kafka, store) as journal:
        assert journal is not None
        yield journal


async def restore_backup(url: str) -> None:
    """Do as a restore does: the backup has the first command as pending, and not the second."""
    await fetch(
        url,
        """UPDATE call_commands SET state = 'pending', ended_at = NULL, next_attempt_at = now(), journaled_at = NULL
           WHERE call_id = 'call-1'""",
    )
    await fetch(url, "DELETE FROM call_commands WHERE call_id = 'call-2'")
    await fetch(url, "DELETE FROM call_cutoffs WHERE call_id = 'call-2'")
    await fetch(url, "DELETE FROM outbox")
    async with connected(url, name="test") as connection:
        await raise_epoch(connection, "restore")


async def test_restored_ledger_executes_no_journaled_command_again(pipeline: Pipeline) -> None:
    url = pipeline.database_url
    names = ["call-1", "call-2", "call-3"]
    async with vendor_server("twilio") as server, journal_on(pipeline.kafka, url) as journal:
        await write_calls(url, *(one for name in names for one in call_events(name, "twilio")))
        await request(url, "call-1", "call-2")
        async with command_worker(url, router({"twilio": server}), journal=journal):
            assert await until_closed(url, 2) == ["executed"] * 2
        assert [row["journaled_at"] is None for row in await command_rows(url)] == [False, False]
        await restore_backup(url)
        # The worker decides the second command again, and a new one.
        await request(url, "call-2", "call-3")
        async with command_worker(url, router({"twilio": server}), journal=journal):
            assert await until_closed(url, 3) == ["executed"] * 3
        assert sorted(one.call for one in server.seen) == [f"twilio:{name}" for name in names]
    assert len(await pipeline.read_all(EXECUTED_COMMANDS.name)) == 3


async def test_no_command_is_executed_before_the_journal_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = pipeline.database_url
    monkeypatch.setattr(journals, "WRITE_SECONDS_MAX", 1)
    async with vendor_server("twilio") as server:
        await write_calls(url, *call_events("call-1", "twilio"))
        await request(url, "call-1")
        async with connected(url, name="test") as connection:
            await raise_epoch(connection, "restore")
        receivers = router({"twilio": server})
        async with (
            journal_on(NO_BROKER, url) as journal,
            command_worker(url, receivers, journal=journal),
        ):
            await until(lambda: _is_logged(caplog, "commands failed"))
        async with command_worker(url, router({"twilio": server})):  # also not without a journal
            await asyncio.sleep(0.3)
        assert server.seen == []
        receivers = router({"twilio": server})
        async with (
            journal_on(pipeline.kafka, url) as journal,
            command_worker(url, receivers, journal=journal),
        ):
            assert await until_closed(url, 1) == ["executed"]


async def _is_logged(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_commands_are_executed_without_brokers_and_journaled_later(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pipeline.database_url
    monkeypatch.setattr(journals, "WRITE_SECONDS_MAX", 1)
    async with vendor_server("twilio") as server:
        await write_calls(url, *call_events("call-1", "twilio"))
        await request(url, "call-1")
        receivers = router({"twilio": server})
        async with (
            journal_on(NO_BROKER, url) as journal,
            command_worker(url, receivers, journal=journal),
        ):
            assert await until_closed(url, 1) == ["executed"]
        [row] = await command_rows(url)
        assert row["journaled_at"] is None
        async with journal_on(pipeline.kafka, url) as journal:
            await journal.write_missing()
    [row] = await command_rows(url)
    assert row["journaled_at"] is not None
    assert len(await pipeline.read_all(EXECUTED_COMMANDS.name)) == 1
