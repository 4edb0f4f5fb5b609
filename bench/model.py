"""Computes cores, disks and partitions for numbers of concurrent calls from measured figures.

`python -m bench.model` prints the tables of docs/scaling.md; bench/measured.toml has the figures.
"""

from __future__ import annotations

import tomllib
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct, convert

from bench.figures import table

CONCURRENT_CALLS: Final = (1_000, 100_000, 1_000_000)
EVENTS_PER_CALL: Final = {
    23: "four services once a minute",
    68: "three services per turn of 15 s",
    150: "every request of every service",
}
CALL_SECONDS: Final = 300
PARTITIONS_MIN: Final = 8
PARTITIONS_PER_WORKER: Final = 2
"""Twice the workers, because the partitions of an existing topic cannot be increased."""
CONNECTIONS_PER_WORKER: Final = 14
"""To PostgreSQL: two lanes (WORKER_LANES) and 12 more."""
SERVER_CORES: Final = 16
"""The cores of a PostgreSQL server of 32 that writing may use."""
SERVER_WAL_BYTES_PER_SECOND: Final = 200_000_000
"""The WAL that a server's disks write continuously."""
SERVER_DISK_BYTES: Final = 16 * 10**12
KEPT_DAYS: Final = 62
"""Whole months are archived, so up to two are stored: the present one and the last."""
WATCHED_PERCENT: Final = 10
"""The percentage of calls with a live viewer."""

_MEASURED: Final = Path(__file__).with_name("measured.toml")
_DAY_SECONDS: Final = 86_400
_MB: Final = 1e6
_GB: Final = 1e9
_TB: Final = 1e12


class Backlog(Struct, frozen=True, forbid_unknown_fields=True):
    """The CPU time of an event in large batches, in microseconds."""

    worker_us: float
    postgres_us: float


class EventBytes(Struct, frozen=True, forbid_unknown_fields=True):
    """The size of an event in Kafka, in tables with indexes, and in WAL."""

    kafka_bytes: int
    stored_bytes: int
    wal_bytes: int


class SteadyLoad(Struct, frozen=True, forbid_unknown_fields=True):
    """The cores in use while one worker keeps up with a load."""

    events_per_second: int
    worker_cores: float
    postgres_cores: float


class FeedLoad(Struct, frozen=True, forbid_unknown_fields=True):
    """The load of a live feed, its cores, and the memory of a socket."""

    messages_per_second: int
    cores: float
    socket_kib: int


class CallBytes(Struct, frozen=True, forbid_unknown_fields=True):
    """The size of a call's row with its indexes."""

    stored_bytes: int


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """All measured figures; `steady` are two loads of one worker, the second one its largest."""

    backlog: Backlog
    event: EventBytes
    steady: tuple[SteadyLoad, SteadyLoad]
    feed: FeedLoad
    call: CallBytes


class Resources(NamedTuple):
    """What a number of concurrent calls needs.

    `events` and the bytes into Kafka and WAL are per second; `stored_bytes`, of events and of the
    rows of calls, are per day; `connections` are those of the workers to PostgreSQL.
    """

    events: float
    workers: int
    connections: int
    worker_cores: float
    postgres_cores: float
    catch_up_cores: float
    partitions: int
    kafka_bytes: float
    wal_bytes: float
    stored_bytes: float
    servers: int
    active_call_bytes: int
    feed_cores: float
    socket_bytes: int


def load_measured(path: Path = _MEASURED) -> Measured:
    """Read the measured figures; raises msgspec.ValidationError or OSError."""
    return convert(tomllib.loads(path.read_text(encoding="utf-8")), Measured)


def resources(measured: Measured, calls: int, events_per_call: int) -> Resources:
    """Return the resources of `calls` concurrent calls with that many events each."""
    events = calls * events_per_call / CALL_SECONDS
    low, high = measured.steady
    workers = ceil(events / high.events_per_second)
    postgres_cores = workers * _line(
        events / workers,
        (low.events_per_second, low.postgres_cores),
        (high.events_per_second, high.postgres_cores),
    )
    capacity = workers * 1e6 / measured.backlog.worker_us
    catch_up_cores = capacity * measured.backlog.postgres_us / 1e6
    wal = events * measured.event.wal_bytes
    calls_per_day = calls * _DAY_SECONDS / CALL_SECONDS
    stored = (
        events * _DAY_SECONDS * measured.event.stored_bytes
        + calls_per_day * measured.call.stored_bytes
    )
    watched = calls * WATCHED_PERCENT // 100
    return Resources(
        events=events,
        workers=workers,
        connections=workers * CONNECTIONS_PER_WORKER,
        worker_cores=workers
        * _line(
            events / workers,
            (low.events_per_second, low.worker_cores),
            (high.events_per_second, high.worker_cores),
        ),
        postgres_cores=postgres_cores,
        catch_up_cores=catch_up_cores,
        partitions=_partitions(workers),
        kafka_bytes=events * measured.event.kafka_bytes,
        wal_bytes=wal,
        stored_bytes=stored,
        servers=max(
            ceil(max(postgres_cores, catch_up_cores) / SERVER_CORES),
            ceil(wal / SERVER_WAL_BYTES_PER_SECOND),
            ceil(KEPT_DAYS * stored / SERVER_DISK_BYTES),
        ),
        active_call_bytes=calls * measured.call.stored_bytes,
        feed_cores=events
        * WATCHED_PERCENT
        / 100
        * measured.feed.cores
        / measured.feed.messages_per_second,
        socket_bytes=watched * measured.feed.socket_kib * 1024,
    )


def _line(at: float, first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the value at a position on the line through two points."""
    slope = (second[1] - first[1]) / (second[0] - first[0])
    return first[1] + (at - first[0]) * slope


def _partitions(workers: int) -> int:
    """Return a power of two, with room for more workers."""
    partitions = PARTITIONS_MIN
    while partitions < workers * PARTITIONS_PER_WORKER:
        partitions *= 2
    return partitions


def text(measured: Measured) -> str:
    """Return the tables of docs/scaling.md."""
    computed = [
        (calls, events, resources(measured, calls, events))
        for calls in CONCURRENT_CALLS
        for events in EVENTS_PER_CALL
    ]
    processes = table(
        ["concurrent calls", "events per call", "events/s", "partitions", "workers",
         "their connections", "worker cores", "PostgreSQL cores", "the same while catching up",
         "PostgreSQL servers"],
        [
            [f"{calls:,}", str(events), f"{needed.events:,.0f}", str(needed.partitions),
             str(needed.workers), str(needed.connections), f"{needed.worker_cores:.1f}",
             f"{needed.postgres_cores:.1f}", f"{needed.catch_up_cores:.1f}", str(needed.servers)]
            for calls, events, needed in computed
        ],
    )  # fmt: skip
    disks = table(
        ["concurrent calls", "events per call", "into Kafka, MB/s", "WAL, MB/s",
         "stored per day, GB", f"stored in {KEPT_DAYS} days, TB", "rows of active calls, GB",
         "live feed: cores", "sockets, GB"],
        [
            [f"{calls:,}", str(events), f"{needed.kafka_bytes / _MB:,.1f}",
             f"{needed.wal_bytes / _MB:,.1f}", f"{needed.stored_bytes / _GB:,.0f}",
             f"{KEPT_DAYS * needed.stored_bytes / _TB:,.1f}",
             f"{needed.active_call_bytes / _GB:.2f}", f"{needed.feed_cores:.1f}",
             f"{needed.socket_bytes / _GB:.2f}"]
            for calls, events, needed in computed
        ],
    )  # fmt: skip
    return "\n".join([*processes, "", *disks])


def main() -> None:
    """Print the tables."""
    print(text(load_measured()))


if __name__ == "__main__":
    main()
