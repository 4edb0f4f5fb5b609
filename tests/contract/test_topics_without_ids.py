"""For brokers without topic ids the last counted record identifies a topic."""

import logging
from typing import Any

import pytest

from messaging.topic_ids import TopicIdentity
from streams import positions
from tests.contract.test_gaps import ON_APACHE, costs, gaps, report, until_events
from tests.support.streaming import Pipeline
from tests.support.topic_logs import PARTITION, delete_records, in_partition, recreate_topic


@pytest.fixture(autouse=True)
def _no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    async def request_identity(_: Any, __: Any, cluster: str) -> TopicIdentity:
        return TopicIdentity(cluster, None)

    monkeypatch.setattr(positions, "request_identity", request_identity)


async def count_a_hundred(pipeline: Pipeline) -> None:
    async with pipeline.worker() as worker:
        await pipeline.send(in_partition(costs(100)))
        await pipeline.until_counted(100, worker)


async def test_last_counted_record_identifies_a_recreated_topic(
    pipeline: Pipeline,
) -> None:
    await count_a_hundred(pipeline)
    async with pipeline.worker() as worker:
        await pipeline.send(in_partition(costs(1)))
        await pipeline.until_counted(101, worker)
    assert await gaps(pipeline) == []
    await recreate_topic(pipeline)
    await pipeline.send(in_partition(costs(300)))
    async with pipeline.worker():
        await until_events(pipeline, 401)
    await report(pipeline, "topic without an id created again", 401, 0)
    [(partition, *_, end, reason)] = await gaps(pipeline)
    assert (partition, end, reason) == (PARTITION, None, "topic_recreated")


@ON_APACHE
async def test_missing_last_counted_record_is_reported(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    await count_a_hundred(pipeline)
    await pipeline.send(in_partition(costs(20)))
    await delete_records(pipeline, 110)
    caplog.set_level(logging.WARNING)
    async with pipeline.worker():
        await until_events(pipeline, 110)
    await report(pipeline, "records of a topic without an id removed", 120, 10)
    assert await gaps(pipeline) == [(PARTITION, 100, 110, "records_removed")]
    assert "incarnation_unknown" in {getattr(one, "action", "") for one in caplog.records}
