"""Notification deliveries: found by sweep or announcement, claimed, recorded, removed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.notifications.deliveries import CLAIMS_MAX, NOTICE_DAYS, delivery_store
from ledger.notifications.notices import Notice
from ledger.notifications.retry_policy import DeliveryResult
from schemas.notices import ChannelType
from streams.notifications.sender import ChannelSender, Notification
from streams.notifications.webhook import WebhookSender
from tests.support import parts
from tests.support.notifications import (
    OPTIONS,
    alert,
    attempts,
    delivery_worker,
    states,
    until_ended,
    write_alerts,
    write_channel,
    write_notice,
)
from tests.support.receivers import receiver
from tests.support.recording import fetch


def webhooks(timeout_ms: int = 400) -> dict[ChannelType, ChannelSender]:
    return {"webhook": WebhookSender(allow_private=True, timeout_ms=timeout_ms)}


async def test_sweep_sends_missed_alerts_and_skips_stale_ones(
    database_url: str,
) -> None:
    now = datetime.now(UTC)
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_channel(database_url, f"{endpoint.url}/2", state="unverified")
        fresh, old = alert(), alert(triggered_at=now - timedelta(hours=25))
        late, ancient = alert(late=True), alert(triggered_at=now - timedelta(days=7))
        await write_alerts(database_url, fresh, old, late, ancient, alert("bob"))
        async with delivery_worker(database_url):
            assert sorted(await until_ended(database_url, 2)) == ["delivered", "skipped"]
            # A later sweep finds this alert, and would find the others first.
            [last] = await write_alerts(database_url, alert())
            assert sorted(await until_ended(database_url, 3)) == [*["delivered"] * 2, "skipped"]
    assert [request.json["data"]["alertId"] for request in endpoint.requests] == [
        fresh.alert_id,
        last,
    ]
    [row] = await fetch(database_url, "SELECT * FROM notice_deliveries WHERE state = 'skipped'")
    assert str(row["subject_id"]) == old.alert_id
    assert row["reason"] == "The alert was too old when it could be sent."


async def test_announced_alerts_are_delivered_at_once_and_only_once(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        async with delivery_worker(database_url, poll_ms=60_000, sweep_ms=60_000) as running:
            await asyncio.sleep(0.2)
            for alert_id in (ids := await write_alerts(database_url, alert(), alert())) * 3:
                running.notify(alert_id)
            assert await until_ended(database_url, 2) == ["delivered", "delivered"]
            ids += await write_alerts(database_url, alert())
            for alert_id in ids:
                running.notify(alert_id)
            assert await until_ended(database_url, 3) == ["delivered"] * 3
    assert [request.json["data"]["alertId"] for request in endpoint.requests] == ids


async def test_alerts_before_the_verification_are_not_sent(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_alerts(database_url, alert())
        await write_channel(database_url, endpoint.url)
        await fetch(database_url, "UPDATE notice_channels SET verified_at = now()")
        async with delivery_worker(database_url) as running:
            running.notify((await write_alerts(database_url, alert()))[0])
            assert await until_ended(database_url, 1) == ["delivered"]
            await write_alerts(database_url, alert())  # a sweep finds every missed alert
            assert await until_ended(database_url, 2) == ["delivered"] * 2
    assert len(endpoint.requests) == 2


async def test_two_workers_deliver_each_notification_once(database_url: str) -> None:
    async with receiver(delay_seconds=0.002) as endpoint:
        for number in range(8):
            await write_channel(database_url, f"{endpoint.url}/{number}")
        await write_alerts(database_url, *(alert() for _ in range(40)))
        async with delivery_worker(database_url), delivery_worker(database_url):
            await until_ended(database_url, 320)
    ids = [request.id for request in endpoint.accepted]
    duplicates = len(ids) - len(set(ids))
    parts.figures.append(
        f"two workers: deliveries 320, delivered {len(set(ids))}, duplicates {duplicates}"
    )
    assert (len(ids), duplicates) == (320, 0)
    assert len(await attempts(database_url)) == 320


async def test_expired_claim_is_taken_again(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_store(database_url) as store:
            await store.sweep()
            [claim] = await store.claim(10, 10, 1)
            assert await store.claim(10, 10, 1) == []
        async with delivery_worker(database_url):
            assert await until_ended(database_url, 1) == ["delivered"]
    assert [request.id for request in endpoint.requests] == [f"msg_{claim.delivery_id}"]
    assert [row[:2] for row in await attempts(database_url)] == [
        (1, "interrupted"),
        (2, "delivered"),
    ]


async def test_late_success_of_an_expired_claim_counts(database_url: str) -> None:
    """The first attempt succeeded after its claim had expired."""
    await write_channel(database_url, "https://example.com/")
    await write_alerts(database_url, alert())
    async with delivery_store(database_url) as store:
        await store.sweep()
        [first] = await store.claim(10, 10, 0)
        [second] = await store.claim(10, 10, 60)
        assert (first.number, second.number) == (1, 2)
        late = DeliveryResult("temporary", error="late")
        step = OPTIONS.schedules["webhook"].step(1, 0, late)
        assert not await store.store_failure(first, late, step, 1, None)
        assert await states(database_url) == ["delivering"]
        await store.store_success(first, DeliveryResult("delivered", "200"), 1)
        assert await store.store_failure(second, late, step, 1, None) is False
    assert await states(database_url) == ["delivered"]
    assert [row[1] for row in await attempts(database_url)] == ["delivered", "temporary"]


async def test_delivery_that_kills_its_workers_is_not_retried(database_url: str) -> None:
    await write_channel(database_url, "https://example.com/")
    await write_alerts(database_url, alert())
    async with delivery_store(database_url) as store:
        await store.sweep()
        for _ in range(CLAIMS_MAX):
            assert len(await store.claim(1, 1, 0)) == 1
        assert await store.claim(1, 1, 0) == []
    assert await states(database_url) == ["failed"]


class FaultySender:
    """A sender that raises an unexpected error."""

    def __init__(self) -> None:
        self.tries = 0

    async def send(self, notification: Notification) -> DeliveryResult:
        self.tries += 1
        if self.tries == 1:
            raise ZeroDivisionError
        return DeliveryResult("delivered")

    async def close(self) -> None:
        pass


async def test_faulty_and_missing_senders_lose_no_delivery(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await write_channel(database_url, "https://example.com/")
    await write_channel(database_url, "+14155550123", kind="sms")
    await write_alerts(database_url, alert())
    async with delivery_worker(database_url, {"webhook": FaultySender()}):
        while len(await attempts(database_url)) < 5 or "delivered" not in await states(
            database_url
        ):
            await asyncio.sleep(0.02)
    assert any(getattr(record, "action", "") == "sender_failed" for record in caplog.records)
    async with delivery_worker(database_url, {"webhook": FaultySender(), "sms": FaultySender()}):
        assert await until_ended(database_url, 2) == ["delivered", "delivered"]


async def test_lost_connection_loses_no_result(database_url: str) -> None:
    async with receiver(delay_seconds=0.3) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_worker(database_url, lease_seconds=30):
            while not endpoint.requests:
                await asyncio.sleep(0.01)
            await fetch(
                database_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'cost-analytics notices' AND datname = current_database()",
            )
            assert await until_ended(database_url, 1) == ["delivered"]
    assert len(endpoint.requests) == 1


async def test_old_notices_are_deleted_and_their_deliveries_stay(database_url: str) -> None:
    await write_channel(database_url, "https://example.com/", kinds=("low_balance",))
    await write_notice(
        database_url,
        Notice("low_balance", "alice", ("1",), "Low", ["Low."], "/budget", "balance.low", {}),
    )
    age = f"now() - interval '{NOTICE_DAYS + 1} days'"
    async with delivery_store(database_url) as store:
        assert await store.queue_notices() == 1
        [claim] = await store.claim(1, 1, 60)
        await store.store_success(claim, DeliveryResult("delivered", "200"), 1)
        assert await store.prune_notices() == 0
        await fetch(database_url, f"UPDATE notices SET created_at = {age}")
        await fetch(database_url, f"UPDATE notice_deliveries SET created_at = {age}")
        assert await store.prune_notices() == 1
    assert await states(database_url) == ["delivered"]
