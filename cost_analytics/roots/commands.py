"""Builds and runs a process that executes commands."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from cost_analytics import logs
from cost_analytics.configuration.command_section import CommandSection
from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import FAILED, first_error, using_database
from cost_analytics.metrics import metrics_of
from cost_analytics.running import serve_until_stopped
from cost_analytics.tracing import tracing
from ledger.postgres.session import warn_of_privileged_login
from streams.commands.livekit import LiveKitProject, LiveKitReceiver
from streams.commands.receiver import CommandReceiver
from streams.commands.retell import RetellAccount, RetellReceiver
from streams.commands.routing import CommandRouter
from streams.commands.service import CommandServiceOptions, run_commands
from streams.commands.telnyx import TelnyxAccount, TelnyxReceiver
from streams.commands.twilio import TwilioAccount, TwilioReceiver
from streams.commands.vapi import VapiReceiver
from streams.commands.webhook import WebhookReceiver
from streams.commands.worker import CommandOptions
from streams.metrics.attempts import CommandMeter

_log: Final = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Execute commands until a signal arrives; returns the exit code."""
    logs.configure(settings)
    with using_database(settings.database_url):
        return serve_until_stopped(lambda stop: _execute(settings, stop))


async def _execute(settings: Settings, stop: asyncio.Event) -> int:
    await warn_of_privileged_login(settings.database_url.reveal(), "notifications")
    router = router_of(settings)
    _log.info(
        "executing commands through %s",
        ", ".join(router.targets) or "nothing: no vendor and no webhook is configured",
        extra={"action": "commands_started", "targets": router.targets},
    )
    options = CommandServiceOptions(
        database_url=settings.database_url.reveal(),
        router=router,
        kafka=settings.kafka.client(),
        commands=CommandOptions(deadline_seconds=settings.commands.deadline_seconds),
    )
    meter = CommandMeter()
    try:
        with (
            metrics_of(meter, settings.metrics, settings.metrics.commands_port),
            tracing(settings.tracing, "commands") as tracer,
        ):
            await run_commands(options, stop, meter, tracer)
    except ExceptionGroup as group:
        error = first_error(group)
        if hasattr(error, "sqlstate"):  # of PostgreSQL; `using_database` describes it
            raise error from None
        _log.error(
            "a part of the command service failed",
            exc_info=error,
            extra={"action": "commands_failed"},
        )
        return FAILED
    _log.info("commands stopped", extra={"action": "commands_stopped"})
    return 0


def router_of(settings: Settings) -> CommandRouter:
    """Return the configured receivers."""
    section, allow_private = settings.commands, settings.delivery.webhook_allow_private
    return CommandRouter(
        _vendors_of(section, allow_private=allow_private),
        _webhook(section, allow_private=allow_private),
    )


def _vendors_of(section: CommandSection, *, allow_private: bool) -> dict[str, CommandReceiver]:
    """Return a receiver for each configured vendor, by the name that events use.

    Vapi needs no account: its control addresses are secrets of their calls.
    """
    vendors: dict[str, CommandReceiver] = {}
    if section.vapi_control_hosts:
        vapi = VapiReceiver(section.vapi_control_hosts, allow_private=allow_private)
        vendors["vapi"] = vapi
    if section.twilio_account_sid:
        account = TwilioAccount(
            url=section.twilio_url,
            account_sid=section.twilio_account_sid,
            auth_token=section.twilio_auth_token.reveal(),
            api_key=section.twilio_api_key,
        )
        vendors["twilio"] = TwilioReceiver(account)
    if section.telnyx_api_key:
        telnyx = TelnyxAccount(section.telnyx_url, section.telnyx_api_key.reveal())
        vendors["telnyx"] = TelnyxReceiver(telnyx)
    if section.retell_api_key:
        retell = RetellAccount(section.retell_url, section.retell_api_key.reveal())
        vendors["retell"] = RetellReceiver(retell)
    if section.livekit_url:
        project = LiveKitProject(
            url=section.livekit_url,
            api_key=section.livekit_api_key or "",
            api_secret=section.livekit_api_secret.reveal(),
        )
        vendors["livekit"] = LiveKitReceiver(project)
    return vendors


def _webhook(section: CommandSection, *, allow_private: bool) -> WebhookReceiver | None:
    if section.webhook_url is None:
        return None
    return WebhookReceiver(
        section.webhook_url, section.webhook_secret.reveal(), allow_private=allow_private
    )
