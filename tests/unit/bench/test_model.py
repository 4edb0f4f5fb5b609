"""The model of docs/scaling.md: its arithmetic, and that the document has what the command prints."""

from math import isclose

from bench.model import (
    Backlog,
    CallBytes,
    EventBytes,
    FeedLoad,
    Measured,
    SteadyLoad,
    load_measured,
    resources,
    text,
)
from tests.support.house import ROOT

ROUND = Measured(
    backlog=Backlog(worker_us=20, postgres_us=10),
    event=EventBytes(kafka_bytes=400, stored_bytes=500, wal_bytes=600),
    steady=(SteadyLoad(1_000, 0.3, 0.2), SteadyLoad(10_000, 0.75, 0.56)),
    feed=FeedLoad(messages_per_second=10_000, cores=0.5, socket_kib=16),
    call=CallBytes(stored_bytes=1_000),
)
"""Two points of a line of 0.25 cores and 50 µs an event, and of 0.16 cores and 40 µs."""


def test_resources_follow_from_the_measured_figures() -> None:
    found = resources(ROUND, calls=120_000, events_per_call=50)
    assert found.events == 20_000
    assert (found.workers, found.connections, found.partitions) == (2, 28, 8)
    assert isclose(found.worker_cores, 2 * 0.25 + 20_000 * 50e-6)
    assert isclose(found.postgres_cores, 2 * 0.16 + 20_000 * 40e-6)
    # Two workers process 100,000 events/s.
    assert isclose(found.catch_up_cores, 1)
    assert (found.kafka_bytes, found.wal_bytes) == (8e6, 12e6)
    assert found.stored_bytes == 20_000 * 86_400 * 500 + 120_000 * 288 * 1_000
    assert found.active_call_bytes == 120_000_000
    assert isclose(found.feed_cores, 2_000 * 0.5 / 10_000)
    assert found.socket_bytes == 12_000 * 16 * 1024


def test_each_limit_of_a_server_adds_servers() -> None:
    def servers(measured: Measured) -> int:
        return resources(measured, calls=1_000_000, events_per_call=150).servers

    small = Measured(ROUND.backlog, EventBytes(1, 1, 1), ROUND.steady, ROUND.feed, ROUND.call)
    assert servers(small) == 2  # 28 cores of 500,000 events/s
    wal = Measured(ROUND.backlog, EventBytes(1, 1, 2_000), ROUND.steady, ROUND.feed, ROUND.call)
    assert servers(wal) == 5  # 1,000 MB/s
    disk = Measured(ROUND.backlog, EventBytes(1, 500, 1), ROUND.steady, ROUND.feed, ROUND.call)
    assert servers(disk) == 85  # 1,357 TB, of which the rows of calls are 18


def test_partitions_leave_room_for_twice_the_workers() -> None:
    for calls in (1_000, 100_000, 1_000_000):
        found = resources(ROUND, calls, events_per_call=150)
        assert found.partitions >= 2 * found.workers
        assert found.partitions & (found.partitions - 1) == 0


def test_document_has_the_printed_tables() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert text(load_measured()) in page
