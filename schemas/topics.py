"""The Kafka topics: their names and settings."""

from __future__ import annotations

from typing import Final, NamedTuple


class Topic(NamedTuple):
    """A topic; a compacted one keeps only the newest record of each key."""

    name: str
    compacted: bool = False

    @property
    def configuration(self) -> dict[str, str]:
        """The settings of the topic that differ from the broker's."""
        return {"cleanup.policy": "compact"} if self.compacted else {}


CALL_EVENTS: Final = Topic("cost.call-events.v1")
DEAD_LETTERS: Final = Topic("cost.call-events.v1.dlq")
CALL_TOTALS: Final = Topic("cost.call-totals.v1", compacted=True)
BUDGET_ALERTS: Final = Topic("cost.budget-alerts.v1")
CALL_COMMANDS: Final = Topic("cost.call-commands.v1")
ANOMALIES: Final = Topic("cost.anomalies.v1")
DELIVERIES: Final = Topic("cost.deliveries.v1")
EXECUTED_COMMANDS: Final = Topic("cost.executed-commands.v1")
ERASURES: Final = Topic("cost.erasures.v1", compacted=True)

ALL_TOPICS: Final = (
    CALL_EVENTS,
    DEAD_LETTERS,
    CALL_TOTALS,
    BUDGET_ALERTS,
    CALL_COMMANDS,
    ANOMALIES,
    DELIVERIES,
    EXECUTED_COMMANDS,
    ERASURES,
)
ORIGINAL_TOPIC: Final = "dlq.original.topic"
ORIGINAL_PARTITION: Final = "dlq.original.partition"
ORIGINAL_OFFSET: Final = "dlq.original.offset"
ERROR_CODE: Final = "dlq.error.code"
ERROR_MESSAGE: Final = "dlq.error.message"
ORIGINAL_OMITTED: Final = "dlq.original.omitted"
"""Headers of a dead letter; the last one only if its value was too large."""
GAP_ID: Final = "gap.id"
GAP_OFFSET: Final = "gap.offset"
"""Headers of a record that is sent again to fill a gap: the gap's id and the record's offset."""

DEFAULT_PARTITIONS: Final = 8
