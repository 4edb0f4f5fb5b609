"""The names, help texts and labels of all metrics.

Labels have few values, whatever clients send: methods, route templates, statuses, pools, partitions
and codes. They never name a user or a call, and no metric is an amount of money.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from schemas.metrics import Definition

REQUESTS: Final = Definition(
    "cost_analytics_http_requests_total",
    "HTTP requests by method, route template and status; `other` is an unknown route.",
    ("method", "route", "status"),
)
DURATION: Final = Definition(
    "cost_analytics_http_request_duration_seconds",
    "Time from a request's head to the head of its response: for a socket until it is open, "
    "for a file until its first byte.",
    ("route",),
)
LIMIT_REFUSALS: Final = Definition(
    "cost_analytics_limit_refusals_total",
    "Requests and connections refused or ended by a limit, by the limit's name.",
    ("limit",),
)
SPANS: Final = Definition(
    "cost_analytics_spans_total",
    "Spans that `/v1/traces` accepted, by outcome; a span that is sent again is counted again.",
    ("outcome",),
)
WEBHOOKS: Final = Definition(
    "cost_analytics_webhook_deliveries_total",
    "Deliveries of vendors' webhooks by provider and outcome; `incomplete` is accepted in part.",
    ("provider", "outcome"),
)
SOCKETS: Final = Definition(
    "cost_analytics_live_sockets",
    "Open sockets of the live feed in this process.",
)
SOCKETS_LIMIT: Final = Definition(
    "cost_analytics_live_sockets_limit",
    "Maximum of open sockets in this process.",
)
CONNECTIONS: Final = Definition(
    "cost_analytics_database_connections",
    "Connections to PostgreSQL by pool: `requests`, and `patient` for long-running queries.",
    ("pool", "state"),
)
CONNECTIONS_LIMIT: Final = Definition(
    "cost_analytics_database_connections_limit",
    "Maximum of connections to PostgreSQL, by pool.",
    ("pool",),
)
DATABASE_UP: Final = Definition(
    "cost_analytics_database_up",
    "1 if PostgreSQL answered this scrape, else 0; then metrics read from it are missing.",
)
SCHEMA_VERSION: Final = Definition(
    "cost_analytics_schema_version",
    "Number of the newest applied migration.",
)
SCHEMA_CURRENT: Final = Definition(
    "cost_analytics_schema_current",
    "1 if this process supports the schema, else 0; then metrics read from it are missing.",
)
WORKERS: Final = Definition(
    "cost_analytics_workers",
    "Workers with a heartbeat in the last 15 seconds.",
)
PARTITIONS_HELD: Final = Definition(
    "cost_analytics_partitions_held",
    "Partitions of the events topic that these workers read.",
)
CLOCK_SKEW: Final = Definition(
    "cost_analytics_worker_clock_skew_seconds",
    "The largest difference of a worker's clock from PostgreSQL's; positive if it is ahead.",
)
RECORDS: Final = Definition(
    "cost_analytics_stream_records_total",
    "Processed records of a partition, counted or refused: its offset in PostgreSQL.",
    ("cluster", "topic", "partition"),
)
DEAD_LETTERS: Final = Definition(
    "cost_analytics_dead_letters_total",
    "Refused records, by the code of the reason.",
    ("code",),
)
RETENTION_REMOVED: Final = Definition(
    "cost_analytics_retention_removed_total",
    "Rows removed by retention, by subject.",
    ("subject",),
)
RETENTION_AGE: Final = Definition(
    "cost_analytics_retention_age_seconds",
    "Time since retention last ran, by subject.",
    ("subject",),
)
HELD_EVENTS: Final = Definition(
    "cost_analytics_held_events",
    "Events held until their call is known, counted up to 10,000.",
)
UNPRICED_EVENTS: Final = Definition(
    "cost_analytics_unpriced_events",
    "Counted events without a price, counted up to 10,000.",
)
OPEN_GAPS: Final = Definition(
    "cost_analytics_gaps_open",
    "Open gaps: ranges of records that Kafka lost before they were counted.",
)
GAP_RECORDS: Final = Definition(
    "cost_analytics_gap_records",
    "Records in open gaps whose end is known.",
)
OUTBOX_WAITING: Final = Definition(
    "cost_analytics_outbox_waiting",
    "Outbox entries not yet confirmed by Kafka, counted up to 10,000: batches of `totals`, and "
    "`messages` (alerts, commands, anomalies).",
    ("outbox",),
)
OUTBOX_AGE: Final = Definition(
    "cost_analytics_outbox_oldest_age_seconds",
    "Age of the oldest entry in an outbox; 0 if it is empty.",
    ("outbox",),
)
NOTICES_WAITING: Final = Definition(
    "cost_analytics_notices_waiting",
    "Notifications to be delivered, now or at a later attempt, counted up to 10,000.",
)
NOTICES_OVERDUE: Final = Definition(
    "cost_analytics_notices_overdue_seconds",
    "How long the most overdue notification has been due; 0 if none is.",
)


def metric(definition: Definition, value: int) -> Metric:
    """Return a metric without labels."""
    return labelled_metric(definition, [((), value)])


def labelled_metric(
    definition: Definition, values: Iterable[tuple[tuple[str, ...], int]]
) -> Metric:
    """Return a metric with labels; a counter if its name ends in `_total`."""
    counts = definition.name.endswith("_total")
    kind = CounterMetricFamily if counts else GaugeMetricFamily
    family = kind(definition.name, definition.help, labels=definition.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family
