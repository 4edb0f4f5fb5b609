"""The names, help texts and labels of the metrics of workers, notifications and commands.

Labels have few values, such as steps, outcomes and partitions. No metric names a user or a call, or
is an amount of money.
"""

from __future__ import annotations

from typing import Final

from schemas.metrics import Definition

BATCH_RECORDS: Final = Definition(
    "cost_analytics_batch_records",
    "Records of each committed batch.",
)
BATCH_SECONDS: Final = Definition(
    "cost_analytics_batch_seconds",
    "Time of each committed batch by step: `decode`, `record` (all statements of the transaction) "
    "and `commit`.",
    ("step",),
)
EVENTS: Final = Definition(
    "cost_analytics_events_total",
    "Records that this worker committed, by outcome.",
    ("outcome",),
)
BATCH_RETRIES: Final = Definition(
    "cost_analytics_batch_retries_total",
    "Attempts to record a batch that failed and are repeated.",
)
LANES_RETRYING: Final = Definition(
    "cost_analytics_lanes_retrying",
    "Lanes of this worker whose batch could not be recorded yet.",
)
LAG: Final = Definition(
    "cost_analytics_lag_records",
    "Records of a partition that are in Kafka and not yet committed, as of the last fetch.",
    ("partition",),
)
TOPIC_PARTITIONS: Final = Definition(
    "cost_analytics_topic_partitions",
    "Partitions of the events topic, which workers must read.",
)
TOTALS_PENDING: Final = Definition(
    "cost_analytics_totals_pending",
    "Calls of this worker whose newest total is not published yet.",
)
PUBLISH_DELAY: Final = Definition(
    "cost_analytics_publish_delay_seconds",
    "Time from the commit to Kafka's acknowledgement of the oldest entry of each round, by outbox.",
    ("outbox",),
)
DELIVERIES: Final = Definition(
    "cost_analytics_deliveries_total",
    "Attempts to deliver a notification, by channel type and outcome.",
    ("channel", "outcome"),
)
DELIVERY_SECONDS: Final = Definition(
    "cost_analytics_delivery_seconds",
    "Time of each attempt to deliver a notification, by channel type.",
    ("channel",),
)
DELIVERIES_RUNNING: Final = Definition(
    "cost_analytics_deliveries_running",
    "Attempts to deliver a notification that are running.",
)
COMMANDS: Final = Definition(
    "cost_analytics_commands_total",
    "Attempts to execute a command to the vendor of a call, by its kind and their outcome;"
    " `temporary` is repeated.",
    ("kind", "outcome"),
)
COMMAND_SECONDS: Final = Definition(
    "cost_analytics_command_seconds",
    "Time of each attempt to execute a command, by its kind.",
    ("kind",),
)
LOOP_DELAY: Final = Definition(
    "cost_analytics_event_loop_delay_seconds",
    "How late the event loop ran a timer, measured ten times per second; a stall is a long delay.",
)
