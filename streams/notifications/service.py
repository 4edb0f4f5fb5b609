"""One process for notifications, anomaly detection and daily prices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.anomalies.rows import anomaly_store
from ledger.notifications.deliveries import delivery_store
from messaging.kafka import KafkaSettings
from messaging.tracing import Tracer
from schemas.alerts import SpendBasis
from schemas.notices import ChannelType
from streams.anomalies.watcher import AnomalyWatcher, AnomalyWatcherOptions
from streams.metrics.attempts import DeliveryMeter
from streams.notifications.delivery_worker import DeliveryOptions, DeliveryWorker, close_all
from streams.notifications.faust_agents import run_agents
from streams.notifications.journal import delivery_journal
from streams.notifications.scheduler import NoticeScheduler
from streams.notifications.sender import ChannelSender
from streams.prices.daily import DailyPrices
from streams.tracing.attempts import AttemptTracing


@dataclass(frozen=True, slots=True)
class NotificationOptions:
    """Options of the process; without `kafka` only the periodic sweeps find alerts.

    `daily` is called at the start and once a day. Without `watch` anomalies are not detected.
    `basis` is the spend basis of budgets.
    """

    database_url: str
    senders: Mapping[ChannelType, ChannelSender]
    kafka: KafkaSettings | None = None
    deliveries: DeliveryOptions = field(default_factory=DeliveryOptions)
    daily: DailyPrices | None = None
    watch: AnomalyWatcherOptions | None = None
    basis: SpendBasis = "charged"


async def run_notifications(
    options: NotificationOptions,
    stop: asyncio.Event,
    meter: DeliveryMeter | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Run until `stop` is set, measured by `meter` and traced by `tracer`, then close the senders.

    Raises OSError or a PostgreSQL error if the database is unavailable at the start.
    """
    meter = meter or DeliveryMeter()
    try:
        async with (
            delivery_store(options.database_url) as store,
            anomaly_store(options.database_url) as anomalies,
            delivery_journal(options.kafka, store) as journal,
        ):
            tracing = None if tracer is None else AttemptTracing(tracer, store)
            deliveries = DeliveryWorker(
                store, options.senders, options.deliveries, journal, meter, tracing
            )
            watcher = AnomalyWatcher(anomalies, options.watch)
            async with asyncio.TaskGroup() as parts:
                parts.create_task(deliveries.run(stop))
                parts.create_task(NoticeScheduler(store, options.basis).run(stop))
                parts.create_task(meter.loop.run(stop))
                if options.watch is not None:
                    parts.create_task(watcher.run(stop))
                if options.daily is not None:
                    parts.create_task(options.daily())
                if options.kafka is not None:
                    on_ended = None if options.watch is None else watcher.notify
                    parts.create_task(
                        run_agents(options.kafka, deliveries.notify, stop, options.daily, on_ended)
                    )
    finally:
        await close_all(options.senders)
