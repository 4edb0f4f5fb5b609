"""A batch may have many more rows than events, or more identities: all of them are written."""

from datetime import UTC, datetime, timedelta

from ledger.recording.batch import SMALL_BATCH_MAX
from tests.support.events import cost, started
from tests.support.expected import expect
from tests.support.recording import Desk, Log, assert_verified
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


async def test_many_held_events_are_released_by_a_batch_of_one(database_url: str) -> None:
    log = Log()
    waiting = [
        cost(user=None, time=NOW + timedelta(seconds=n)) for n in range(SMALL_BATCH_MAX + 50)
    ]
    start = started(time=NOW + timedelta(minutes=1))
    async with Desk(database_url, copies=False) as desk:
        assert (await desk.record(log.batch(waiting))).held == len(waiting)
        assert (await desk.record(log.batch([start]))).recorded == 1
    assert await read_totals(database_url) == expect([*waiting, start]).totals
    await assert_verified(database_url)
