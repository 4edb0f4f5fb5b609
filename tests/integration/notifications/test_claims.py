"""Who is told of what, and whose turn it is: found or heard, claimed, recorded, forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.notifications.deliveries import CLAIMS_MAX, delivery_store
from ledger.notifications.retry_policy import DeliveryResult
from schemas.notices import ChannelType
from streams.notifications.sender import ChannelSender, Notification
from streams.notifications.webhook import WebhookSender
from tests.support import parts
from tests.support.notices import (
    OPTIONS,
    alert,
    attempts,
    courier,
    states,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import receiver
from tests.support.recording import fetch


def webhooks(timeout_ms: int = 400) -> dict[ChannelType, ChannelSender]:
    return {"webhook": WebhookSender(allow_private=True, timeout_ms=timeout_ms)}


async def test_what_was_not_heard_is_found_and_what_must_not_be_told_is_not(
    database_url: str,
) -> None:
    now = datetime.now(UTC)
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_channel(database_url, f"{endpoint.url}/2", state="unverified")
        fresh, old = alert(), alert(triggered_at=now - timedelta(hours=25))
        late, ancient = alert(late=True), alert(triggered_at=now - timedelta(days=7))
        await write_alerts(database_url, fresh, old, late, ancient, alert("bob"))
        async with courier(database_url):
            assert sorted(await until_ended(database_url, 2)) == ["delivered", "skipped"]
            await asyncio.sleep(0.3)
        assert len(await states(database_url)) == 2
    assert [got.json["data"]["alertId"] for got in endpoint.got] == [fresh.alert_id]
    [row] = await fetch(database_url, "SELECT * FROM notice_deliveries WHERE state = 'skipped'")
    assert str(row["subject_id"]) == old.alert_id
    assert row["reason"] == "The alert was too old when it could be sent."


async def test_what_is_heard_is_delivered_at_once_and_once(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        async with courier(database_url, poll_ms=60_000, sweep_ms=60_000) as running:
            await asyncio.sleep(0.2)
            for alert_id in (ids := await write_alerts(database_url, alert(), alert())) * 3:
                running.notify(alert_id)
            assert await until_ended(database_url, 2) == ["delivered", "delivered"]
            for alert_id in ids:
                running.notify(alert_id)
            await asyncio.sleep(0.2)
    assert [got.json["data"]["alertId"] for got in endpoint.got] == ids


async def test_alerts_from_before_a_channel_was_verified_are_not_told(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_alerts(database_url, alert())
        channel = await write_channel(database_url, endpoint.url)
        await fetch(database_url, "UPDATE notice_channels SET verified_at = now()")
        async with courier(database_url) as running:
            running.notify((await write_alerts(database_url, alert()))[0])
            assert await until_ended(database_url, 1) == ["delivered"]
            await asyncio.sleep(0.2)
    assert len(endpoint.got) == 1
    assert channel


async def test_two_couriers_share_the_work(database_url: str) -> None:
    async with receiver(delay_seconds=0.002) as endpoint:
        for number in range(8):
            await write_channel(database_url, f"{endpoint.url}/{number}")
        await write_alerts(database_url, *(alert() for _ in range(40)))
        async with courier(database_url), courier(database_url):
            await until_ended(database_url, 320)
    ids = [got.id for got in endpoint.accepted]
    duplicates = len(ids) - len(set(ids))
    parts.figures.append(
        f"two couriers: deliveries 320, delivered {len(set(ids))}, duplicates {duplicates}"
    )
    assert (len(ids), duplicates) == (320, 0)
    assert len(await attempts(database_url)) == 320


async def test_a_claim_that_nobody_keeps_is_taken_again(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_store(database_url) as store:
            await store.sweep()
            [claim] = await store.claim(10, 10, 1)
            assert await store.claim(10, 10, 1) == []
        async with courier(database_url):
            assert await until_ended(database_url, 1) == ["delivered"]
    assert [got.id for got in endpoint.got] == [f"msg_{claim.delivery_id}"]
    assert [row[:2] for row in await attempts(database_url)] == [
        (1, "interrupted"),
        (2, "delivered"),
    ]


async def test_a_success_that_is_told_late_still_holds(database_url: str) -> None:
    """The first attempt got through while everybody took its worker for dead."""
    await write_channel(database_url, "https://example.com/")
    await write_alerts(database_url, alert())
    async with delivery_store(database_url) as store:
        await store.sweep()
        [first] = await store.claim(10, 10, 0)
        [second] = await store.claim(10, 10, 60)
        assert (first.number, second.number) == (1, 2)
        late = DeliveryResult("temporary", error="late")
        step = OPTIONS.schedules["webhook"].step(1, 0, late)
        assert not await store.failed(first, late, step, 1, None)
        assert await states(database_url) == ["delivering"]
        await store.delivered(first, DeliveryResult("delivered", "200"), 1)
        assert await store.failed(second, late, step, 1, None) is False
    assert await states(database_url) == ["delivered"]
    assert [row[1] for row in await attempts(database_url)] == ["delivered", "temporary"]


async def test_a_delivery_that_kills_its_workers_is_given_up(database_url: str) -> None:
    await write_channel(database_url, "https://example.com/")
    await write_alerts(database_url, alert())
    async with delivery_store(database_url) as store:
        await store.sweep()
        for _ in range(CLAIMS_MAX):
            assert len(await store.claim(1, 1, 0)) == 1
        assert await store.claim(1, 1, 0) == []
    assert await states(database_url) == ["failed"]


class Faulty:
    """A sender with a fault of its own."""

    def __init__(self) -> None:
        self.tries = 0

    async def send(self, notice: Notification) -> DeliveryResult:
        self.tries += 1
        if self.tries == 1:
            raise ZeroDivisionError
        return DeliveryResult("delivered")

    async def close(self) -> None:
        pass


async def test_a_fault_of_a_sender_and_a_way_that_is_not_set_up_lose_nothing(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await write_channel(database_url, "https://example.com/")
    await write_channel(database_url, "+14155550123", kind="sms")
    await write_alerts(database_url, alert())
    async with courier(database_url, {"webhook": Faulty()}):
        while len(await attempts(database_url)) < 5 or "delivered" not in await states(
            database_url
        ):
            await asyncio.sleep(0.02)
    assert any(getattr(record, "action", "") == "sender_failed" for record in caplog.records)
    async with courier(database_url, {"webhook": Faulty(), "sms": Faulty()}):
        assert await until_ended(database_url, 2) == ["delivered", "delivered"]


async def test_a_lost_connection_loses_no_outcome(database_url: str) -> None:
    async with receiver(delay_seconds=0.3) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with courier(database_url, lease_seconds=30):
            while not endpoint.got:
                await asyncio.sleep(0.01)
            await fetch(
                database_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'cost-analytics notices' AND datname = current_database()",
            )
            assert await until_ended(database_url, 1) == ["delivered"]
    assert len(endpoint.got) == 1


async def test_what_ended_long_ago_is_forgotten(database_url: str) -> None:
    await write_channel(database_url, "https://example.com/")
    await write_alerts(database_url, alert(), alert())
    async with delivery_store(database_url) as store:
        await store.sweep()
        [claim] = await store.claim(1, 1, 60)
        await store.delivered(claim, DeliveryResult("delivered", "200"), 1)
        assert await store.prune() == 0
        await fetch(
            database_url, "UPDATE notice_deliveries SET created_at = now() - interval '91 days'"
        )
        assert await store.prune() == 1
        assert (await store.backlog()).waiting == 1
    assert await attempts(database_url) == []
