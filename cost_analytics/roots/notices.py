"""Builds and runs a process that delivers notifications."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

from cost_analytics import logs
from cost_analytics.configuration.delivery_sections import DeliverySection
from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import FAILED, MISUSED, CommandError, first_error, using_database
from cost_analytics.metrics import metrics_of
from cost_analytics.running import serve_until_stopped
from cost_analytics.tracing import tracing
from ledger.postgres.session import warn_of_privileged_login
from schemas.notices import CHAT_TYPES, ChannelType
from streams.anomalies.watcher import AnomalyWatcherOptions
from streams.metrics.attempts import DeliveryMeter
from streams.notifications.chat import ChatSender
from streams.notifications.delivery_worker import DeliveryOptions
from streams.notifications.email import EmailSender, SmtpServer
from streams.notifications.sender import ChannelSender
from streams.notifications.service import NotificationOptions, run_notifications
from streams.notifications.sms import SmsProvider, SmsSender
from streams.notifications.webhook import WebhookSender
from streams.prices.configured import SourcesError, read_sources
from streams.prices.daily import DailyPrices

_TLS_PORT: Final = 465
_SUBMISSION_PORT: Final = 587

_log: Final = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Deliver until a signal arrives; returns the exit code."""
    logs.configure(settings)
    with using_database(settings.database_url):
        return serve_until_stopped(lambda stop: _deliver(settings, stop))


async def _deliver(settings: Settings, stop: asyncio.Event) -> int:
    await warn_of_privileged_login(settings.database_url.reveal(), "notifications")
    delivery = settings.delivery
    _log.info(
        "delivering by %s",
        ", ".join(delivery.channel_types()),
        extra={"action": "notices_started", "ways": delivery.channel_types()},
    )
    if delivery.webhook_allow_private:
        _log.warning(
            "webhooks may reach private networks (WEBHOOK_ALLOW_PRIVATE): unsafe in production",
            extra={"action": "notices_unsafe"},
        )
    options = NotificationOptions(
        database_url=settings.database_url.reveal(),
        senders=senders_of(delivery),
        kafka=settings.kafka.client(),
        deliveries=DeliveryOptions(dashboard_url=delivery.dashboard_url or delivery.public_url),
        daily=_daily_prices(settings),
        watch=_watcher_options(settings),
        basis=settings.budget.basis,
    )
    meter = DeliveryMeter()
    try:
        with (
            metrics_of(meter, settings.metrics, settings.metrics.notices_port),
            tracing(settings.tracing, "notices") as tracer,
        ):
            await run_notifications(options, stop, meter, tracer)
    except ExceptionGroup as group:
        error = first_error(group)
        if hasattr(error, "sqlstate"):  # of PostgreSQL; `using_database` describes it
            raise error from None
        _log.error(
            "a part of the notification service failed",
            exc_info=error,
            extra={"action": "notices_failed"},
        )
        return FAILED
    _log.info("notices stopped", extra={"action": "notices_stopped"})
    return 0


def _watcher_options(settings: Settings) -> AnomalyWatcherOptions:
    """Return the options of anomaly detection."""
    section = settings.anomalies
    return AnomalyWatcherOptions(grace=timedelta(minutes=section.grace_minutes), legs=section.legs)


def _daily_prices(settings: Settings) -> DailyPrices | None:
    """Return the daily refresh of prices, None without sources."""
    if settings.prices.sources is None:
        return None
    try:
        sources = read_sources(settings.prices.sources)
    except SourcesError as error:
        raise CommandError(str(error), MISUSED) from None
    return DailyPrices(settings.database_url.reveal(), sources)


def senders_of(delivery: DeliverySection) -> dict[ChannelType, ChannelSender]:
    """Return a sender for each configured channel type."""
    senders: dict[ChannelType, ChannelSender] = {
        "webhook": WebhookSender(allow_private=delivery.webhook_allow_private)
    }
    for kind in CHAT_TYPES:
        senders[kind] = ChatSender(kind, allow_private=delivery.webhook_allow_private)
    if delivery.smtp_url:
        senders["email"] = EmailSender(smtp_server(delivery), public_url=delivery.public_url)
    if delivery.sms_url:
        senders["sms"] = SmsSender(
            SmsProvider(
                url=delivery.sms_url,
                username=delivery.sms_username or "",
                password=delivery.sms_password.reveal(),
                sender=delivery.sms_from or "",
            )
        )
    return senders


def smtp_server(delivery: DeliverySection) -> SmtpServer:
    """Return the server in SMTP_URL, which was validated when settings were read."""
    parts = urlsplit(delivery.smtp_url.reveal())
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname or "",
        port=parts.port or (_TLS_PORT if tls else _SUBMISSION_PORT),
        sender=delivery.smtp_from or "",
        tls=tls,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
