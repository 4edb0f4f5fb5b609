"""The Faust app: its agents hear alerts and calls that end; its crontab looks at prices daily.

It keeps no table and sends nothing. Whatever it misses the courier's sweep finds in PostgreSQL, so
an app that fails is logged and restarted after a while; nothing waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import faust
import msgspec
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from messaging.kafka import MAX_FETCH_BYTES, KafkaSettings, cluster_id
from messaging.retries import Backoff
from schemas.topics import BUDGET_ALERTS
from streams.anomalies.ended_calls import add_agent
from streams.prices.daily import HOUR

GROUP: Final = "cost-analytics-notices"
START_SECONDS: Final = 60
REQUEST_SECONDS: Final = 90
"""Faust wants this to be no shorter than a session."""
STOP_SECONDS: Final = 10
THREAD_STOP_SECONDS: Final = 3
LOOK_SECONDS: Final = 1

Daily = Callable[[], Awaitable[None]]
Hear = Callable[[str], None]

_log: Final = logging.getLogger(__name__)


class _AlertHeader(msgspec.Struct):
    """As much of an alert's CloudEvent as is needed to find the alert."""

    id: str


_decoder: Final = msgspec.json.Decoder(_AlertHeader)


def broker_credentials(kafka: KafkaSettings) -> Any:
    """Return how Faust proves who it is and keeps the line private; None for plain text."""
    context: ssl.SSLContext | None = None
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
    if kafka.sasl_mechanism:
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password,
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return None if context is None else faust.SSLCredentials(context)


def make_app(
    kafka: KafkaSettings,
    hear: Hear,
    daily: Daily | None = None,
    hear_ended: Hear | None = None,
) -> Any:
    """Return an app that was not started; its agent passes the id of each alert on to `hear`.

    `daily` is what it does once a day; `hear_ended` is told the id of each call that has ended.
    """
    servers = kafka.bootstrap_servers.split(",")
    app: Any = faust.App(
        GROUP,
        broker=";".join(f"kafka://{server}" for server in servers),
        broker_credentials=broker_credentials(kafka),
        broker_session_timeout=kafka.session_timeout_ms / 1000,
        broker_request_timeout=max(REQUEST_SECONDS, kafka.session_timeout_ms / 1000),
        broker_heartbeat_interval=kafka.heartbeat_interval_ms / 1000,
        broker_rebalance_timeout=kafka.rebalance_timeout_ms / 1000,
        consumer_auto_offset_reset="latest",
        consumer_max_fetch_size=MAX_FETCH_BYTES,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    topic = app.topic(
        BUDGET_ALERTS.name, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )

    async def wake(stream: AsyncIterable[bytes]) -> None:
        async for value in stream:
            alert_id = alert_id_of(value)
            if alert_id is not None:
                hear(alert_id)

    app.agent(topic, name="wake")(wake)
    if hear_ended is not None:
        add_agent(app, hear_ended)
    if daily is not None:
        app.crontab(HOUR)(daily)
    return app


def alert_id_of(value: bytes | None) -> str | None:
    """Return the id of the alert that a record is about, or None where it is about none."""
    try:
        return str(UUID(_decoder.decode(value or b"").id))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        _log.warning("a record is no alert", extra={"action": "alert_unreadable"})
        return None


async def run_agents(
    kafka: KafkaSettings,
    hear: Hear,
    stop: asyncio.Event,
    daily: Daily | None = None,
    hear_ended: Hear | None = None,
) -> None:
    """Listen until `stop`, with a new app each time one fails; raises nothing of Faust's."""
    # Faust waits a minute for a consumer that cannot say goodbye to a broker that is gone.
    AIOKafkaConsumerThread.shutdown_timeout = THREAD_STOP_SECONDS
    backoff = Backoff(first_ms=1_000, most_ms=60_000)
    while not stop.is_set():
        listening = asyncio.create_task(_run_agents(kafka, hear, daily, hear_ended, backoff))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also on cancellation: nothing may keep running
            listening.cancel()
            stopping.cancel()
            [error] = await asyncio.gather(listening, return_exceptions=True)
        if stop.is_set():
            return
        _log.warning(
            "nothing is heard; the sweeps find it: %s",
            str(error) or type(error).__name__,
            extra={"action": "faust_failed"},
        )
        await backoff.wait(stop)


async def _run_agents(
    kafka: KafkaSettings,
    hear: Hear,
    daily: Daily | None,
    hear_ended: Hear | None,
    backoff: Backoff,
) -> None:
    """Run one app until it fails; raises what it fails with."""
    async with asyncio.timeout(START_SECONDS):
        # An app that cannot reach a broker is slow to say so, and leaves things lying about.
        await cluster_id(kafka)
    app = make_app(kafka, hear, daily, hear_ended)
    app.loop = asyncio.get_running_loop()
    app.finalize()
    try:
        async with asyncio.timeout(START_SECONDS):
            await app.start()
        _log.info("listening to alerts", extra={"action": "faust_started"})
        backoff.reset()
        while not (app.crashed or app.should_stop):  # noqa: ASYNC110 - Faust has no event for both
            await asyncio.sleep(LOOK_SECONDS)
        raise RuntimeError("the Faust app has ended")
    finally:
        await _stop(app)


async def _stop(app: Any) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
    except Exception as error:
        # Whatever Faust raises: an app that cannot even stop is left to itself.
        _log.warning("the Faust app did not stop: %s", error, extra={"action": "faust_failed"})
