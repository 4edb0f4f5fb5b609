"""A batch with many more rows or identities than events is written completely."""

from datetime import UTC, datetime, timedelta

from ledger.recording.batch import SMALL_BATCH_MAX
from tests.support.events import cost, started
from tests.support.expected import expect
from tests.support.recording import BatchWriter, TopicLog, assert_verified
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


async def test_one_event_releases_many_held_events(database_url: str) -> None:
    log = TopicLog()
    waiting = [
        cost(user=None, time=NOW + timedelta(seconds=n)) for n in range(SMALL_BATCH_MAX + 50)
    ]
    start = started(time=NOW + timedelta(minutes=1))
    async with BatchWriter(database_url, copies=False) as writer:
        assert (await writer.record(log.batch(waiting))).held == len(waiting)
        assert (await writer.record(log.batch([start]))).recorded == 1
    assert await read_totals(database_url) == expect([*waiting, start]).totals
    await assert_verified(database_url)
