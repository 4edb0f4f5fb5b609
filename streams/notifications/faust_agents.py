"""The Faust app: its agents receive alerts and ended calls; its crontab refreshes prices daily.

It has no tables and sends nothing. Periodic sweeps in PostgreSQL find what it misses, so a failure
is only logged, and the app is restarted after a pause.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

import faust
import msgspec
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from messaging.kafka import MAX_FETCH_BYTES, KafkaSettings, cluster_id
from messaging.retries import Backoff
from schemas.events import CallStatus
from schemas.jsonio import wire_name
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS, Topic
from streams.prices.daily import SCHEDULE

GROUP: Final = "cost-analytics-notices"
START_SECONDS: Final = 60
REQUEST_SECONDS: Final = 90
"""Faust requires this to be at least the session timeout."""
STOP_SECONDS: Final = 10
THREAD_STOP_SECONDS: Final = 3
CHECK_SECONDS: Final = 1
_ACTIVE: Final = b'"status":"active"'

Daily = Callable[[], Awaitable[None]]
OnId = Callable[[str], None]

_log: Final = logging.getLogger(__name__)


class _AlertHeader(msgspec.Struct):
    """The field of an alert's CloudEvent that identifies the alert."""

    id: str


class _EndedTotal(msgspec.Struct, rename=wire_name):
    """The fields of a total that identify an ended call."""

    call_id: str
    status: CallStatus


_decode_alert: Final = msgspec.json.Decoder(_AlertHeader).decode
_decode_total: Final = msgspec.json.Decoder(_EndedTotal).decode


def broker_credentials(kafka: KafkaSettings) -> Any:
    """Return Faust's credentials and TLS settings; None for plain text."""
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


class _App(faust.App):
    async def on_first_start(self) -> None:
        """Make no directories: the app has no tables, and may run where nothing is writable."""


def make_app(
    kafka: KafkaSettings,
    on_alert: OnId,
    daily: Daily | None = None,
    on_ended: OnId | None = None,
) -> Any:
    """Return an unstarted app that calls `on_alert` with the id of each alert.

    `daily` is called once a day, `on_ended` with the id of each ended call.
    """
    servers = kafka.bootstrap_servers.split(",")
    app: Any = _App(
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
    _add_agent(app, "wake", BUDGET_ALERTS, alert_id_of, on_alert)
    if on_ended is not None:
        _add_agent(app, "ended", CALL_TOTALS, ended_call_of, on_ended)
    if daily is not None:
        app.crontab(SCHEDULE)(daily)
    return app


def _add_agent(
    app: Any, name: str, topic: Topic, id_of: Callable[[bytes | None], str | None], on_id: OnId
) -> None:
    """Add an agent that calls `on_id` with the id that `id_of` finds in a record."""
    records = app.topic(topic.name, key_serializer="raw", value_type=bytes, value_serializer="raw")

    async def agent(stream: AsyncIterable[bytes]) -> None:
        async for value in stream:
            record_id = id_of(value)
            if record_id is not None:
                on_id(record_id)

    app.agent(records, name=name)(agent)


def alert_id_of(value: bytes | None) -> str | None:
    """Return the alert's id of a record, or None if it is not an alert."""
    try:
        return str(UUID(_decode_alert(value or b"").id))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        _log.warning("a record is not an alert", extra={"action": "alert_unreadable"})
        return None


def ended_call_of(value: bytes | None) -> str | None:
    """Return the id of a record's call if it has ended, else None.

    Most records are of active calls, which are recognized without decoding.
    """
    if value is None or _ACTIVE in value:
        return None
    try:
        total = _decode_total(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.warning("a record is not a total", extra={"action": "total_unreadable"})
        return None
    return None if total.status == "active" else total.call_id


async def run_agents(
    kafka: KafkaSettings,
    on_alert: OnId,
    stop: asyncio.Event,
    daily: Daily | None = None,
    on_ended: OnId | None = None,
) -> None:
    """Run agents until `stop`, with a new app after each failure; raises no errors of Faust."""
    # Faust waits a minute for a consumer that cannot leave the group of an unreachable broker.
    AIOKafkaConsumerThread.shutdown_timeout = THREAD_STOP_SECONDS
    backoff = Backoff(first_ms=1_000, max_ms=60_000)
    make = partial(make_app, kafka, on_alert, daily, on_ended)
    while not stop.is_set():
        running = asyncio.create_task(_run_app(kafka, make, backoff))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also after a cancellation, so that nothing keeps running
            running.cancel()
            stopping.cancel()
            [error] = await asyncio.gather(running, return_exceptions=True)
        if stop.is_set():
            return
        _log.warning(
            "the Faust app failed; the sweeps find what it misses: %s",
            str(error) or type(error).__name__,
            extra={"action": "faust_failed"},
        )
        await backoff.wait(stop)


async def _run_app(kafka: KafkaSettings, make: Callable[[], Any], backoff: Backoff) -> None:
    """Run one app until it fails; raises its error."""
    async with asyncio.timeout(START_SECONDS):
        # An app without a broker takes long to fail, and leaves tasks behind.
        await cluster_id(kafka)
    app = make()
    app.loop = asyncio.get_running_loop()
    app.finalize()
    try:
        async with asyncio.timeout(START_SECONDS):
            await app.start()
        _log.info("listening to alerts", extra={"action": "faust_started"})
        backoff.reset()
        while not (app.crashed or app.should_stop):  # noqa: ASYNC110 - Faust has no event for both
            await asyncio.sleep(CHECK_SECONDS)
        raise RuntimeError("the Faust app has ended")
    finally:
        await _stop(app)


async def _stop(app: Any) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
    except Exception as error:
        # After any error of Faust: an app that cannot stop is left behind.
        _log.warning("the Faust app did not stop: %s", error, extra={"action": "faust_failed"})
