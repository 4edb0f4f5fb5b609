"""Alerts, channels and delivery workers for tests, with retries after milliseconds."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg

from ledger.anomalies.findings import Cause, Finding
from ledger.anomalies.rows import anomaly_store, write_findings
from ledger.notifications import retry_policy as rules
from ledger.notifications.deliveries import delivery_store
from ledger.notifications.notices import Notice, add_notices
from ledger.notifications.retry_policy import RetrySchedule
from ledger.notifications.signatures import secret_text
from schemas.alerts import BudgetAlert, Driver
from schemas.anomalies import Anomaly
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.money import Usd
from schemas.notices import DEFAULT_KINDS, ChannelKind, ChannelType
from streams.notifications.delivery_worker import DeliveryOptions, DeliveryWorker, close_all
from streams.notifications.journal import DeliveryJournal
from streams.notifications.sender import ChannelSender, Notification
from streams.notifications.webhook import WebhookSender
from tests.support.recording import fetch

SECRET = secret_text(b"a secret of the tests, 32 bytes.")
FAST = RetrySchedule((20, 40, 60, 80, 100, 100, 100))
SCHEDULES: Mapping[ChannelType, RetrySchedule] = dict.fromkeys(rules.SCHEDULES, FAST)
OPTIONS = DeliveryOptions(lease_seconds=2, poll_ms=30, sweep_ms=100, schedules=SCHEDULES)
SHORT_MS = 300
"""The timeout of an attempt in these tests."""
ID = "9f1f1b64-7c0e-4d63-8f0e-0d7a52a7a0a1"
TOKEN = "3d9c4c0e-6f9e-4b8c-9a51-0d5d1a1f2b3c"
STEP_SECONDS = 20
"""The longest time of a step of a test."""


def notice(address: str, **changes: Any) -> Notification:
    """Return a notification for a sender."""
    created = Notification(
        ID, address, SECRET, TOKEN, datetime.now(UTC), "A subject", "Some text, é\n", "<p>Some text</p>",
        b'{"type":"channel.test"}', "A subject", ("Some text, é",), None,
    )  # fmt: skip
    return created._replace(**changes)


def alert(user_id: str = "alice", **changes: Any) -> BudgetAlert:
    """Return an alert as the ledger raises it."""
    now = datetime.now(UTC)
    created = BudgetAlert(
        alert_id=str(uuid4()),
        user_id=user_id,
        type="daily",
        threshold_percent=Exact(Decimal(80)),
        limit_usd=Usd(10 * 10**9),
        current_spend=Usd(8_500_000_000),
        remaining=Usd(1_500_000_000),
        message="You've been charged $8.50 today, past 80% of your $10.00 daily limit.",
        triggered_at=now,
        period="2026-11-22",
        period_start=now,
        period_end=now,
        call_id=None,
        crossed_by=None,
        limit_version=1,
        basis="charged",
        late=False,
        drivers=[Driver(service="twilio", cost=Usd(5 * 10**9), share_percent=Exact(Decimal(50)))],
        spent_last_hour=Usd(0),
        event_time=now,
    )
    for name, value in changes.items():
        setattr(created, name, value)
    return created


async def write_alerts(url: str, *alerts: BudgetAlert) -> list[str]:
    """Write alerts as their transaction does; returns their ids."""
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(
            """INSERT INTO budget_alerts
               (alert_id, user_id, type, period, threshold_percent, limit_version, late, triggered_at, data)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            [
                (
                    alert.alert_id,
                    alert.user_id,
                    alert.type,
                    alert.alert_id,
                    alert.threshold_percent.value,
                    alert.limit_version,
                    alert.late,
                    alert.triggered_at,
                    encode(alert).decode(),
                )
                for alert in alerts
            ],
        )
    finally:
        await connection.close()
    return [one.alert_id for one in alerts]


async def write_channel(
    url: str,
    address: str,
    *,
    user_id: str = "alice",
    kind: ChannelType = "webhook",
    state: str = "verified",
    kinds: Sequence[ChannelKind] = DEFAULT_KINDS,
) -> str:
    """Write a channel that was verified six days ago and got its kinds ever since.

    Returns its id.
    """
    [row] = await fetch(
        url,
        """INSERT INTO notice_channels (user_id, type, address, secret, state, verified_at, kinds)
           VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb) RETURNING channel_id::text""",
        user_id,
        kind,
        address,
        SECRET if kind == "webhook" else None,
        state,
        datetime.now(UTC) - timedelta(days=6) if state != "unverified" else None,
        json.dumps(dict.fromkeys(kinds, "-infinity")),
    )
    return str(row[0])


async def write_anomaly(url: str, user_id: str = "alice", **changes: Any) -> str:
    """Write an anomaly as its transaction does; returns its id."""
    call = changes.pop("call_id", "call-1")
    cause = Cause(user_id, "call_spike", call, "elevenlabs")
    anomaly = Anomaly(
        anomaly_id=str(cause.anomaly_id),
        user_id=user_id,
        kind="call_spike",
        service="elevenlabs",
        leg=None,
        call_id=call,
        day=datetime.now(UTC).date(),
        observed_usd=Usd(9 * 10**9),
        expected_usd=Usd(10**9),
        score=None,
        compared_with=None,
        compared_count=0,
        message="ElevenLabs cost $9.00 per minute in this call.",
        occurred_at=datetime.now(UTC),
        detected_at=datetime.now(UTC),
    )
    for name, value in changes.items():
        setattr(anomaly, name, value)
    async with anomaly_store(url) as store, store.transaction() as connection:
        await write_findings(connection, [Finding(cause, anomaly)])
    return anomaly.anomaly_id


async def write_notice(url: str, *notices: Notice) -> None:
    """Write messages as the transaction does that decides them."""
    connection = await asyncpg.connect(url)
    try:
        await add_notices(connection, notices)
    finally:
        await connection.close()


@asynccontextmanager
async def delivery_worker(
    url: str,
    senders: Mapping[ChannelType, ChannelSender] | None = None,
    journal: DeliveryJournal | None = None,
    **changes: Any,
) -> AsyncIterator[DeliveryWorker]:
    """Run a delivery worker for the length of a block; webhooks may use this machine."""
    senders = senders or {"webhook": WebhookSender(allow_private=True)}
    async with delivery_store(url) as store:
        worker = DeliveryWorker(store, senders, replace(OPTIONS, **changes), journal)
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            async with asyncio.timeout(STEP_SECONDS):
                await task
            await close_all(senders)


async def states(url: str) -> list[str]:
    """Return the state of every delivery, in order of creation."""
    return [row[0] for row in await fetch(url, "SELECT state FROM notice_deliveries ORDER BY seq")]


async def until_ended(url: str, count: int, seconds: int = STEP_SECONDS) -> list[str]:
    """Wait until there are `count` deliveries and all have ended; returns their states."""
    async with asyncio.timeout(seconds):
        while True:
            found = await states(url)
            if len(found) >= count and not {"pending", "delivering"} & set(found):
                assert len(found) == count
                return found
            await asyncio.sleep(0.02)


async def attempts(url: str) -> list[tuple[Any, ...]]:
    """Return number, outcome and status of every attempt, in order."""
    rows = await fetch(
        url,
        """SELECT a.number, a.outcome, a.status FROM notice_attempts AS a
           JOIN notice_deliveries AS d USING (delivery_id) ORDER BY d.seq, a.number""",
    )
    return [tuple(row) for row in rows]
