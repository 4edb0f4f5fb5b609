"""Every metric of ours by name, with what it says: the one place where names and labels are made.

A label has few values, whatever strangers send: methods, templates of routes, statuses, pools,
partitions and codes. None of them names a user or a call, and no figure is money.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

_NS_PER_SECOND: Final = 1_000_000_000


class Definition(NamedTuple):
    """A metric: its name, a sentence about it, and its labels; counters end in `_total`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS: Final = Definition(
    "cost_analytics_http_requests_total",
    "Requests that were answered, by the route's template; `other` is no route of ours.",
    ("method", "route", "status"),
)
DURATION: Final = Definition(
    "cost_analytics_http_request_duration_seconds",
    "Time from a request's head to the head of its answer: for a socket until it is open, "
    "for a file until its first byte.",
    ("route",),
)
LIMIT_REFUSALS: Final = Definition(
    "cost_analytics_limit_refusals_total",
    "Requests and connections that a limit refused or ended, by the limit's name.",
    ("limit",),
)
SOCKETS: Final = Definition(
    "cost_analytics_live_sockets",
    "Sockets of the live feed that are open in this process.",
)
SOCKETS_LIMIT: Final = Definition(
    "cost_analytics_live_sockets_limit",
    "Sockets that this process may have open.",
)
CONNECTIONS: Final = Definition(
    "cost_analytics_database_connections",
    "Connections to PostgreSQL by pool: `requests`, and `patient` for what takes long.",
    ("pool", "state"),
)
CONNECTIONS_LIMIT: Final = Definition(
    "cost_analytics_database_connections_limit",
    "Connections to PostgreSQL that a pool may have.",
    ("pool",),
)
DATABASE_UP: Final = Definition(
    "cost_analytics_database_up",
    "1 if PostgreSQL could be asked for this answer, else 0; then nothing is said that it knows.",
)
SCHEMA_VERSION: Final = Definition(
    "cost_analytics_schema_version",
    "Number of the newest migration that was applied.",
)
SCHEMA_CURRENT: Final = Definition(
    "cost_analytics_schema_current",
    "1 if the schema is one that this process can read, else 0; then figures of it are missing.",
)
WORKERS: Final = Definition(
    "cost_analytics_workers",
    "Workers with a heartbeat in the last 15 seconds.",
)
PARTITIONS_HELD: Final = Definition(
    "cost_analytics_partitions_held",
    "Partitions of the events' topic that these workers read.",
)
CLOCK_SKEW: Final = Definition(
    "cost_analytics_worker_clock_skew_seconds",
    "How far the clock of a worker is ahead of PostgreSQL's: of the one that is furthest from it.",
)
RECORDS: Final = Definition(
    "cost_analytics_stream_records_total",
    "Records of a partition that are counted or refused: its offset in PostgreSQL.",
    ("cluster", "topic", "partition"),
)
DEAD_LETTERS: Final = Definition(
    "cost_analytics_dead_letters_total",
    "Records that were refused, by the reason's code.",
    ("code",),
)
RETENTION_REMOVED: Final = Definition(
    "cost_analytics_retention_removed_total",
    "Rows that were removed because their time was over, by what they are.",
    ("subject",),
)
RETENTION_AGE: Final = Definition(
    "cost_analytics_retention_age_seconds",
    "How long ago old rows were last looked for, by what they are.",
    ("subject",),
)
HELD_EVENTS: Final = Definition(
    "cost_analytics_held_events",
    "Events that wait for their call to be announced, counted up to 10,000.",
)
OPEN_GAPS: Final = Definition(
    "cost_analytics_gaps_open",
    "Ranges of records that Kafka lost before they were counted and that are not closed.",
)
GAP_RECORDS: Final = Definition(
    "cost_analytics_gap_records",
    "Records in the open gaps whose end is known.",
)
OUTBOX_WAITING: Final = Definition(
    "cost_analytics_outbox_waiting",
    "What is not yet known to be in Kafka, counted up to 10,000: batches of `totals`, and "
    "`messages` (alerts, commands, anomalies).",
    ("outbox",),
)
OUTBOX_AGE: Final = Definition(
    "cost_analytics_outbox_oldest_age_seconds",
    "How long the first of what waits in an outbox has waited; 0 where nothing does.",
    ("outbox",),
)
NOTICES_WAITING: Final = Definition(
    "cost_analytics_notices_waiting",
    "Notices that have to be sent, now or again later, counted up to 10,000.",
)
NOTICES_OVERDUE: Final = Definition(
    "cost_analytics_notices_overdue_seconds",
    "How long the notice that is due longest has been due; 0 where none is.",
)

DEFINITIONS: Final = (
    REQUESTS,
    DURATION,
    LIMIT_REFUSALS,
    SOCKETS,
    SOCKETS_LIMIT,
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    DATABASE_UP,
    SCHEMA_VERSION,
    SCHEMA_CURRENT,
    WORKERS,
    PARTITIONS_HELD,
    CLOCK_SKEW,
    RECORDS,
    DEAD_LETTERS,
    RETENTION_REMOVED,
    RETENTION_AGE,
    HELD_EVENTS,
    OPEN_GAPS,
    GAP_RECORDS,
    OUTBOX_WAITING,
    OUTBOX_AGE,
    NOTICES_WAITING,
    NOTICES_OVERDUE,
)


def one(definition: Definition, value: int) -> Metric:
    """Return a metric that has no labels, with its value."""
    return many(definition, [((), value)])


def many(definition: Definition, values: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    """Return a metric with a value for each of some labels; a counter where its name says so."""
    counts = definition.name.endswith("_total")
    kind = CounterMetricFamily if counts else GaugeMetricFamily
    family = kind(definition.name, definition.help, labels=definition.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def durations(
    definition: Definition,
    bounds_ns: tuple[int, ...],
    values: Iterable[tuple[tuple[str, ...], list[int], int]],
) -> Metric:
    """Return a histogram: for some labels the number in each bucket, and the sum, of nanoseconds.

    There is one bucket more than bounds; each bound belongs to the bucket below it.
    """
    family = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels)
    names = [*(str(bound / _NS_PER_SECOND) for bound in bounds_ns), "+Inf"]
    for labels, counts, sum_ns in values:
        below = [sum(counts[: number + 1]) for number in range(len(counts))]
        buckets = list(zip(names, below, strict=True))
        family.add_metric(labels, buckets, sum_ns / _NS_PER_SECOND)
    return family
