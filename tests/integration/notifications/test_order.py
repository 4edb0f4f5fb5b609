"""Alerts of a channel are sent in the order in which they were raised; channels are independent."""

import asyncio
from datetime import timedelta

import pytest

from ledger.notifications import deliveries as store
from ledger.notifications import retry_policy as rules
from ledger.notifications.retry_policy import RetrySchedule
from tests.support.notifications import (
    SCHEDULES,
    STEP_SECONDS,
    alert,
    delivery_worker,
    states,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import HttpReceiver, ScriptedResponse, receiver
from tests.support.recording import fetch, until

SLOWER = {**SCHEDULES, "webhook": RetrySchedule((600, 600))}
"""The first retry comes long after the pause of the channel, shortened below."""


def order(endpoint: HttpReceiver) -> list[str]:
    return [request.json["data"]["alertId"] for request in endpoint.accepted]


async def test_retried_alert_delays_later_alerts_of_its_channel(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PAUSE_MS_MAX", 20)
    async with receiver(ScriptedResponse(500)) as failing, receiver() as healthy:
        await write_channel(database_url, failing.url)
        await write_channel(database_url, healthy.url)
        ids = await write_alerts(database_url, *(alert() for _ in range(5)))
        async with delivery_worker(database_url, schedules=SLOWER):
            while len(healthy.accepted) < 5:
                await asyncio.sleep(0.01)
            assert (
                failing.accepted == []
            )  # waits for its second attempt; the other channel does not
            assert await until_ended(database_url, 10) == ["delivered"] * 10
    assert order(failing) == ids
    assert order(healthy) == ids


async def test_announced_alert_does_not_overtake_earlier_ones(
    database_url: str,
) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url)
        async with delivery_worker(database_url, poll_ms=60_000, sweep_ms=60_000) as running:
            await asyncio.sleep(0.2)
            ids = await write_alerts(database_url, *(alert() for _ in range(6)))
            running.notify(ids[3])
            async with asyncio.timeout(STEP_SECONDS):
                while len(endpoint.accepted) < 4:
                    await asyncio.sleep(0.01)
            running.notify(ids[1])
            running.notify(ids[5])
            await until_ended(database_url, 6)
    assert order(endpoint) == ids


LONG = {**SCHEDULES, "webhook": RetrySchedule((600_000, 600_000))}


async def test_failing_alert_delays_later_ones_for_a_limited_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ORDER_SECONDS", 1)
    async with receiver(ScriptedResponse(500)) as endpoint:
        await write_channel(database_url, endpoint.url)
        ids = await write_alerts(database_url, alert(), alert())
        async with delivery_worker(database_url, schedules=LONG):
            await end_the_pause(database_url)
            await until(lambda: is_accepted(endpoint))
    assert order(endpoint) == ids[1:]
    assert await states(database_url) == ["pending", "delivered"]
    query = "SELECT max(delivered_at) - min(created_at) FROM notice_deliveries"
    assert (await fetch(database_url, query))[0][0] >= timedelta(seconds=1)


async def test_verification_code_does_not_wait_for_alerts(database_url: str) -> None:
    async with receiver(ScriptedResponse(500)) as endpoint:
        channel = await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_worker(database_url, schedules=LONG):
            await end_the_pause(database_url)
            await fetch(
                database_url,
                """INSERT INTO notice_deliveries (channel_id, user_id, kind, code)
                   VALUES ($1::text::uuid, 'alice', 'verification', '123456')""",
                channel,
            )
            await until(lambda: is_accepted(endpoint))
    assert endpoint.accepted[0].json["type"] == "channel.verification"


async def is_accepted(endpoint: HttpReceiver) -> bool:
    return bool(endpoint.accepted)


async def end_the_pause(url: str) -> None:
    """End the pause of a channel after a failed attempt, long before its retry."""

    async def has_failed() -> bool:
        paused = await fetch(
            url,
            """UPDATE notice_channels SET paused_until = NULL
               WHERE paused_until IS NOT NULL RETURNING channel_id""",
        )
        return bool(paused)

    await until(has_failed)
