"""A broker that gives topics no ids: the last counted record tells whether it is the same topic."""

import logging
from typing import Any

import pytest

from messaging.topic_ids import TopicIdentity
from streams import positions
from tests.contract.test_gaps import ON_APACHE, costs, gaps, report, until_events
from tests.support.streaming import Stage
from tests.support.topic_logs import PARTITION, delete_records, in_partition, recreate_topic


@pytest.fixture(autouse=True)
def _no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask_identity(_: Any, __: Any, cluster: str) -> TopicIdentity:
        return TopicIdentity(cluster, None)

    monkeypatch.setattr(positions, "ask_identity", ask_identity)


async def count_a_hundred(stage: Stage) -> None:
    async with stage.worker() as worker:
        await stage.send(in_partition(costs(100)))
        await stage.until_counted(100, worker)


async def test_a_topic_created_again_is_recognised_by_its_last_counted_record(
    stage: Stage,
) -> None:
    await count_a_hundred(stage)
    async with stage.worker() as worker:
        await stage.send(in_partition(costs(1)))
        await stage.until_counted(101, worker)
    assert await gaps(stage) == []
    await recreate_topic(stage)
    await stage.send(in_partition(costs(300)))
    async with stage.worker():
        await until_events(stage, 401)
    await report(stage, "topic without an id created again", 401, 0)
    [(partition, *_, end, reason)] = await gaps(stage)
    assert (partition, end, reason) == (PARTITION, None, "topic_recreated")


@ON_APACHE
async def test_a_last_counted_record_that_is_gone_is_reported(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await count_a_hundred(stage)
    await stage.send(in_partition(costs(20)))
    await delete_records(stage, 110)
    caplog.set_level(logging.WARNING)
    async with stage.worker():
        await until_events(stage, 110)
    await report(stage, "records of a topic without an id removed", 120, 10)
    assert await gaps(stage) == [(PARTITION, 100, 110, "records_removed")]
    assert "incarnation_unknown" in {getattr(one, "action", "") for one in caplog.records}
