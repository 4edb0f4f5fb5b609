"""Republished totals."""

from datetime import UTC, datetime

from ledger.operations.totals_topic import publish_totals_again, totals_are_published_again
from ledger.postgres.database import connected
from tests.support.events import cost
from tests.support.recording import BatchWriter, TopicLog


async def test_totals_count_as_published_again_when_none_is_queued(database_url: str) -> None:
    since = datetime(2020, 1, 1, tzinfo=UTC)
    async with (
        connected(database_url, name="tests") as connection,
        BatchWriter(database_url) as writer,
    ):
        await writer.record(TopicLog().batch([cost("call-1", "alice")]))
        assert await totals_are_published_again(connection)
        await publish_totals_again(connection, since)
        assert not await totals_are_published_again(connection)
        await connection.execute("DELETE FROM totals_outbox WHERE worker_id = 'published again'")
        assert await totals_are_published_again(connection)
