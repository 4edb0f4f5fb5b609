"""Faust agents receive alerts from the topic, on every broker; a failing agent stops no delivery."""

import asyncio
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import faust
import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.secret import Secret
from ledger.budgets.alert_messages import alert_event
from messaging.kafka import make_producer
from schemas.alerts import BudgetAlert
from schemas.jsonio import encode
from schemas.topics import BUDGET_ALERTS
from streams.notifications.faust_agents import alert_id_of, broker_credentials, make_app, run_agents
from streams.notifications.service import NotificationOptions, run_notifications
from streams.notifications.webhook import WebhookSender
from tests.support import parts
from tests.support.alerting import USD, change
from tests.support.events import charged
from tests.support.notifications import OPTIONS, alert, until_ended, write_alerts, write_channel
from tests.support.receivers import receiver
from tests.support.streaming import Pipeline

START_SECONDS = 60
SLEEPY = replace(OPTIONS, poll_ms=600_000, sweep_ms=600_000)
"""No sweep and no look: deliveries start only by announced alerts."""


async def publish(pipeline: Pipeline, *values: bytes) -> None:
    producer = make_producer(pipeline.kafka)
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(BUDGET_ALERTS.name, value, key=b"alice")
    finally:
        await producer.stop()


def event(one: BudgetAlert) -> bytes:
    return encode(alert_event(one))


async def test_agent_receives_alerts(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "working directory"
    directory.mkdir()
    monkeypatch.chdir(directory)
    received: list[str] = []
    stop = asyncio.Event()
    listening = asyncio.create_task(run_agents(pipeline.kafka, received.append, stop))
    first, second = alert(), alert()
    async with asyncio.timeout(START_SECONDS):
        while not received:  # the agent starts at the current end of the topic
            await publish(pipeline, event(first))
            await asyncio.sleep(0.2)
    await publish(pipeline, b"nonsense", b"{}", b'{"id": "no alert"}', event(second))
    async with asyncio.timeout(START_SECONDS):
        while second.alert_id not in received:
            await asyncio.sleep(0.01)
        stop.set()
        await listening
    assert set(received) == {first.alert_id, second.alert_id}
    assert not list(directory.iterdir()), "it must run where nothing is writable"


async def test_published_alert_reaches_its_webhook(pipeline: Pipeline) -> None:
    stop, url = asyncio.Event(), pipeline.database_url
    options = NotificationOptions(
        url,
        {"webhook": WebhookSender(allow_private=True)},
        pipeline.kafka,
        SLEEPY,
    )
    async with receiver() as endpoint:
        await write_channel(url, endpoint.url)
        running = asyncio.create_task(run_notifications(options, stop))
        first = alert()
        async with asyncio.timeout(START_SECONDS):
            await asyncio.sleep(0.5)  # after the first sweep
            await write_alerts(url, first)
            while not endpoint.accepted:
                await publish(pipeline, event(first))
                await asyncio.sleep(0.2)
        took_ms = []
        for _ in range(10):
            raised = alert()
            await write_alerts(url, raised)
            began = time.monotonic()
            count = len(endpoint.accepted)
            await publish(pipeline, event(raised))
            async with asyncio.timeout(20):
                while len(endpoint.accepted) == count:
                    await asyncio.sleep(0.002)
            took_ms.append(round(1000 * (time.monotonic() - began)))
        last = alert()
        await write_alerts(url, last)
        await publish(
            pipeline, event(first), event(last)
        )  # the repeat is read first, and sends nothing
        assert await until_ended(url, 12) == ["delivered"] * 12
        assert len(endpoint.requests) == 12
        stop.set()
        async with asyncio.timeout(40):
            await running
    parts.figures.append(
        f"from publishing an alert to its webhook on {pipeline.broker}: "
        f"median {sorted(took_ms)[5]} ms, longest {max(took_ms)} ms"
    )


async def test_event_over_a_limit_reaches_the_webhook(pipeline: Pipeline) -> None:
    """The whole path: events, the worker, the topic, the agent, the webhook."""
    url, stop = pipeline.database_url, asyncio.Event()
    options = NotificationOptions(
        url,
        {"webhook": WebhookSender(allow_private=True)},
        pipeline.kafka,
        type(OPTIONS)(schedules=OPTIONS.schedules),
    )
    await change(url, "alice", daily_limit=(True, 10 * USD))
    async with receiver() as endpoint, pipeline.worker():
        await write_channel(url, endpoint.url)
        running = asyncio.create_task(run_notifications(options, stop))
        now = datetime.now(UTC)
        await pipeline.send(
            [charged(f"call-{n}", "alice", time=now, amount=4, fee=0) for n in (1, 2)]
        )
        await pipeline.send([charged("call-3", "alice", time=now, amount=4, fee=0)])
        assert await until_ended(url, 2, START_SECONDS) == ["delivered"] * 2
        stop.set()
        await running
    thresholds = sorted(request.json["data"]["threshold_percent"] for request in endpoint.requests)
    assert thresholds == [80, 100]
    assert len({request.id for request in endpoint.requests}) == 2


async def test_sweep_delivers_alerts_without_a_broker(database_url: str) -> None:
    stop = asyncio.Event()
    options = NotificationOptions(
        database_url,
        {"webhook": WebhookSender(allow_private=True)},
        KafkaSection("127.0.0.1:1").client(),
        OPTIONS,
    )
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        running = asyncio.create_task(run_notifications(options, stop))
        await write_alerts(database_url, alert())
        assert await until_ended(database_url, 1) == ["delivered"]
        began = time.monotonic()
        stop.set()
        await running
        assert time.monotonic() - began < 30


def test_only_alert_events_name_an_alert() -> None:
    alert_id = str(uuid4())
    assert alert_id_of(f'{{"id": "{alert_id}", "data": {{}}}}'.encode()) == alert_id
    for value in (None, b"", b"[]", b"{}", b"\xff", b'{"id": 1}', b'{"id": "x"}'):
        assert alert_id_of(value) is None


@pytest.fixture
def authority(tmp_path: Path) -> str:
    from tests.support.certificates import certificate

    certificate(tmp_path)
    return str(tmp_path / "localhost.pem")


def test_faust_connects_with_the_configured_credentials(authority: str) -> None:
    assert broker_credentials(KafkaSection("b:1").client()) is None
    over_tls = broker_credentials(
        KafkaSection("b:1", security_protocol="SSL", ssl_ca_file=authority).client()
    )
    assert isinstance(over_tls, faust.SSLCredentials)
    assert over_tls.context.verify_mode is ssl.CERT_REQUIRED
    assert len(over_tls.context.get_ca_certs()) == 1
    account: dict[str, Any] = {
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": "me",
        "sasl_password": Secret("hush"),
    }
    for protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        kafka = KafkaSection("b:1,[::1]:2", security_protocol=protocol, **account).client()
        app = make_app(kafka, print)
        given = app.conf.broker_credentials
        assert given.protocol.value == protocol
        assert (given.ssl_context is not None) == (protocol == "SASL_SSL")
        assert (given.username, given.password) == ("me", "hush")
        assert given.mechanism.value == "SCRAM-SHA-512"
        assert [f"{url.host}:{url.port}" for url in app.conf.broker] == ["b:1", "::1:2"]
        assert not app.conf.web_enabled
        assert app.conf.topic_disable_leader
