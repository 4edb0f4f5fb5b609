"""What PostgreSQL knows of the whole product, as metrics; what it did not say is left out."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.metrics.definitions import (
    CLOCK_SKEW,
    DATABASE_UP,
    DEAD_LETTERS,
    GAP_RECORDS,
    HELD_EVENTS,
    NOTICES_OVERDUE,
    NOTICES_WAITING,
    OPEN_GAPS,
    OUTBOX_AGE,
    OUTBOX_WAITING,
    PARTITIONS_HELD,
    RECORDS,
    RETENTION_AGE,
    RETENTION_REMOVED,
    SCHEMA_CURRENT,
    SCHEMA_VERSION,
    WORKERS,
    many,
    one,
)
from ledger.operations.figures import ProductFigures, ProductStatus
from ledger.operations.retention import SUBJECTS
from schemas.refusals import REFUSAL_CODES


class ProductCollector(Collector):
    """Says what was read last: `condition` is None where the database did not answer."""

    def __init__(self) -> None:
        self.condition: ProductStatus | None = None

    def collect(self) -> Iterable[Metric]:
        """Yield whether the database answered, then whatever it knows."""
        condition = self.condition
        yield one(DATABASE_UP, int(condition is not None))
        if condition is not None:
            yield one(SCHEMA_VERSION, condition.schema_version)
            yield one(SCHEMA_CURRENT, int(condition.schema_is_current))
            if condition.figures is not None:
                yield from _metrics(condition.figures)


def _metrics(figures: ProductFigures) -> Iterable[Metric]:
    yield one(WORKERS, figures.workers)
    yield one(PARTITIONS_HELD, figures.partitions_held)
    yield one(CLOCK_SKEW, round(figures.clock_skew_ms / 1000))
    yield many(
        RECORDS,
        (
            ((at.cluster, at.topic, str(at.partition)), at.records)
            for at in sorted(figures.positions)
        ),
    )
    # A code that was never met is zero, so that its first one is seen as a rise.
    refused = dict.fromkeys(REFUSAL_CODES, 0) | dict(figures.refused)
    yield many(DEAD_LETTERS, (((code,), count) for code, count in refused.items()))
    # Nothing removed is zero, so that the first is seen as a rise.
    removed = dict.fromkeys(SUBJECTS, 0) | {
        subject: of_subject.rows for subject, of_subject in figures.retained.items()
    }
    yield many(RETENTION_REMOVED, (((name,), rows) for name, rows in removed.items()))
    retained = sorted(figures.retained.items())
    yield many(RETENTION_AGE, (((name,), of_subject.seconds) for name, of_subject in retained))
    yield one(HELD_EVENTS, figures.held_events)
    yield one(OPEN_GAPS, figures.open_gaps)
    yield one(GAP_RECORDS, figures.gap_records)
    outboxes = (("totals", figures.totals), ("messages", figures.messages))
    yield many(OUTBOX_WAITING, (((name,), backlog.waiting) for name, backlog in outboxes))
    yield many(OUTBOX_AGE, (((name,), backlog.oldest_seconds) for name, backlog in outboxes))
    yield one(NOTICES_WAITING, figures.notices.waiting)
    yield one(NOTICES_OVERDUE, figures.notices.oldest_seconds)
