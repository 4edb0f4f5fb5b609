"""Builds and runs a stream worker."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from cost_analytics import logs
from cost_analytics.configuration.tree import Settings
from cost_analytics.configuration.worker_sections import RetentionSection
from cost_analytics.failures import FAILED, using_database, using_kafka
from cost_analytics.metrics import metrics_of
from cost_analytics.running import serve_until_stopped
from cost_analytics.tracing import tracing
from ledger.operations.retention import RetentionDays
from ledger.postgres.session import warn_of_privileged_login
from ledger.stuck_calls.rules import CallLimits
from messaging.kafka import ensure_topics
from streams.dead_letters import RefusalLimit
from streams.metrics.worker import WorkerMeter
from streams.retention import RetentionOptions
from streams.stuck_calls import StuckCallOptions
from streams.telemetry import WorkerTelemetry
from streams.watchdog import StalledError
from streams.worker import WorkerOptions, run_worker

_log: Final = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Work until a signal arrives; returns the exit code, 1 if a part failed."""
    logs.configure(settings)
    with using_database(settings.database_url), using_kafka(settings.kafka, kafka_errors_only=True):
        return serve_until_stopped(lambda stop: _work(settings, stop))


async def _work(settings: Settings, stop: asyncio.Event) -> int:
    with using_kafka(settings.kafka):
        created = await ensure_topics(
            settings.kafka.client(),
            partitions=settings.kafka.topic_partitions,
            replication=settings.kafka.topic_replication,
        )
    await warn_of_privileged_login(settings.database_url.reveal(), "worker")
    options, meter = worker_options(settings), WorkerMeter()
    _log.info(
        "worker %s starts",
        options.worker_id,
        extra={"action": "worker_started", "topics_created": created},
    )
    try:
        with (
            metrics_of(meter, settings.metrics, settings.metrics.worker_port),
            tracing(settings.tracing, "worker") as tracer,
        ):
            await run_worker(options, stop, WorkerTelemetry(meter, tracer))
    except ExceptionGroup as group:
        _log_failures(group)
        return FAILED
    _log.info("worker %s stopped", options.worker_id, extra={"action": "worker_stopped"})
    return 0


def worker_options(settings: Settings) -> WorkerOptions:
    """Return the options of a worker with these settings."""
    return WorkerOptions(
        kafka=settings.kafka.client(),
        database_url=settings.database_url.reveal(),
        lanes=settings.worker.lanes,
        batch_max=settings.worker.batch_max,
        budget_basis=settings.budget.basis,
        refusal_limit=RefusalLimit(percent=settings.worker.refusal_stop_percent),
        retention=retention_options(settings.retention),
        stuck_calls=stuck_call_options(settings),
    )


def stuck_call_options(settings: Settings) -> StuckCallOptions:
    """Return when a call is stuck, and whether its end is requested."""
    section = settings.stuck_calls
    limits = CallLimits(
        silent=timedelta(seconds=section.silent_seconds),
        lifetime=timedelta(seconds=section.lifetime_seconds),
    )
    return StuckCallOptions(limits, section.ends_calls, settings.budget.basis)


def retention_options(section: RetentionSection) -> RetentionOptions:
    """Return how often data are removed, and after how many days."""
    return RetentionOptions(
        interval_seconds=section.interval_minutes * 60,
        days=RetentionDays(
            identities=section.identity_days,
            dead_letters=section.dead_letter_days,
            price_proposals=section.price_proposal_days,
            price_refreshes=section.price_refresh_days,
            alerts=section.alert_days,
            anomalies=section.anomaly_days,
            notifications=section.notification_days,
            totals=section.total_days,
        ),
    )


def _log_failures(group: ExceptionGroup[Exception]) -> None:
    """Log each failed part on its own line; a stall needs no traceback."""
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            _log_failures(error)
            continue
        _log.error(
            "a part of the worker failed: %s",
            error,
            exc_info=None if isinstance(error, StalledError) else error,
            extra={"action": "worker_failed"},
        )
