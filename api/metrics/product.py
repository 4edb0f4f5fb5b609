"""Metrics of the whole product, read from PostgreSQL; unknown ones are left out."""

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
    UNPRICED_EVENTS,
    WORKERS,
    labelled_metric,
    metric,
)
from ledger.operations.figures import ProductFigures, ProductStatus
from ledger.operations.retention import SUBJECTS
from schemas.refusals import REFUSAL_CODES


class ProductCollector(Collector):
    """Reports the last status read; `status` is None if the database did not answer."""

    def __init__(self) -> None:
        self.status: ProductStatus | None = None

    def collect(self) -> Iterable[Metric]:
        """Yield whether the database answered, then the product's figures."""
        status = self.status
        yield metric(DATABASE_UP, int(status is not None))
        if status is not None:
            yield metric(SCHEMA_VERSION, status.schema_version)
            yield metric(SCHEMA_CURRENT, int(status.schema_is_current))
            if status.figures is not None:
                yield from _metrics(status.figures)


def _metrics(figures: ProductFigures) -> Iterable[Metric]:
    yield metric(WORKERS, figures.workers)
    yield metric(PARTITIONS_HELD, figures.partitions_held)
    yield metric(CLOCK_SKEW, round(figures.clock_skew_ms / 1000))
    yield labelled_metric(
        RECORDS,
        (
            ((at.cluster, at.topic, str(at.partition)), at.records)
            for at in sorted(figures.positions)
        ),
    )
    # Zero for codes without refusals, so that the first refusal shows as an increase.
    refused = dict.fromkeys(REFUSAL_CODES, 0) | dict(figures.refused)
    yield labelled_metric(DEAD_LETTERS, (((code,), count) for code, count in refused.items()))
    # Zero for subjects without removals, so that the first removal shows as an increase.
    removed = dict.fromkeys(SUBJECTS, 0) | {
        subject: of_subject.rows for subject, of_subject in figures.retained.items()
    }
    yield labelled_metric(RETENTION_REMOVED, (((name,), rows) for name, rows in removed.items()))
    retained = sorted(figures.retained.items())
    yield labelled_metric(
        RETENTION_AGE, (((name,), of_subject.seconds) for name, of_subject in retained)
    )
    yield metric(HELD_EVENTS, figures.held_events)
    yield metric(UNPRICED_EVENTS, figures.unpriced_events)
    yield metric(OPEN_GAPS, figures.open_gaps)
    yield metric(GAP_RECORDS, figures.gap_records)
    outboxes = (("totals", figures.totals), ("messages", figures.messages))
    yield labelled_metric(
        OUTBOX_WAITING, (((name,), backlog.waiting) for name, backlog in outboxes)
    )
    yield labelled_metric(
        OUTBOX_AGE, (((name,), backlog.oldest_seconds) for name, backlog in outboxes)
    )
    yield metric(NOTICES_WAITING, figures.notices.waiting)
    yield metric(NOTICES_OVERDUE, figures.notices.oldest_seconds)
