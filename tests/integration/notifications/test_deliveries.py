"""Deliveries against receivers that misbehave: each notice arrives, once, under one id."""

import asyncio
import time

import pytest
from standardwebhooks import Webhook

from ledger.notifications.retry_policy import ERROR_CHARACTERS_MAX
from schemas.notices import ChannelType
from streams.notifications.email import EmailSender, SmtpServer
from streams.notifications.sender import ChannelSender
from streams.notifications.sms import SmsProvider, SmsSender
from streams.notifications.webhook import WebhookSender
from tests.support import parts
from tests.support.notices import (
    OPTIONS,
    SECRET,
    alert,
    attempts,
    courier,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import Says, mail_server, receiver
from tests.support.recording import fetch

ENDLESS = 2_500
"""How long an attempt at a receiver that hangs takes here, in milliseconds."""


def webhooks(timeout_ms: int = 400) -> dict[ChannelType, ChannelSender]:
    return {"webhook": WebhookSender(allow_private=True, timeout_ms=timeout_ms)}


async def test_a_webhook_fails_hangs_closes_and_then_works(database_url: str) -> None:
    async with receiver(Says(500), "hang", "close", Says(301, {"Location": "/"})) as endpoint:
        await write_channel(database_url, endpoint.url)
        one = alert()
        await write_alerts(database_url, one)
        async with courier(database_url, webhooks()):
            assert await until_ended(database_url, 1) == ["delivered"]
            await asyncio.sleep(0.3)
    assert [got.act for got in endpoint.got[:3]] == [Says(500), "hang", "close"]
    assert len(endpoint.got) == 5
    assert len(endpoint.accepted) == 1
    assert len({got.id for got in endpoint.got}) == 1
    assert len({got.body for got in endpoint.got}) == 1
    for got in endpoint.got:
        said = Webhook(SECRET).verify(got.body, dict(got.headers))
        assert said["type"] == "budget.threshold.reached"
        assert said["data"]["alertId"] == one.alert_id
    tried = [("temporary", "500"), ("temporary", None), ("temporary", None),
             ("temporary", "301"), ("delivered", "200")]  # fmt: skip
    assert await attempts(database_url) == [(n, *one) for n, one in enumerate(tried, 1)]


async def test_an_endpoint_that_is_gone_is_disabled(database_url: str) -> None:
    async with receiver(then=Says(410)) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert(), alert())
        async with courier(database_url):
            assert sorted(await until_ended(database_url, 2)) == ["failed", "skipped"]
    assert len(endpoint.got) == 1
    [row] = await fetch(database_url, "SELECT state, reason FROM notice_channels")
    assert tuple(row) == ("disabled", "The endpoint answered 410 Gone.")
    reasons = await fetch(database_url, "SELECT reason FROM notice_deliveries ORDER BY seq")
    assert [row[0] for row in reasons] == [
        "The endpoint answered 410 Gone.",
        "The channel is disabled.",
    ]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_to_wait_is_left_alone_so_long(
    database_url: str, status: int
) -> None:
    async with receiver(Says(status, {"Retry-After": "1"})) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert(), alert())
        began = time.monotonic()
        async with courier(database_url):
            assert await until_ended(database_url, 2) == ["delivered", "delivered"]
        assert time.monotonic() - began >= 1
    assert len(endpoint.got) == 3


async def test_after_its_last_attempt_a_delivery_is_given_up_and_the_channel_disabled(
    database_url: str,
) -> None:
    most = OPTIONS.schedules["webhook"].attempts_max
    async with receiver(then=Says(500)) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with courier(database_url):
            assert await until_ended(database_url, 1) == ["failed"]
    assert len(endpoint.got) == most
    [row] = await fetch(database_url, "SELECT state, failures FROM notice_channels")
    assert tuple(row) == ("disabled", most)


async def test_mail_is_delivered_once_under_one_message_id(database_url: str) -> None:
    async with mail_server("451 Later", "close", "452 Full") as server:
        await write_channel(database_url, "alice@example.com", kind="email")
        one = alert()
        await write_alerts(database_url, one)
        sender = EmailSender(SmtpServer("127.0.0.1", server.port, "costs@example.org"))
        async with courier(database_url, {"email": sender}):
            assert await until_ended(database_url, 1) == ["delivered"]
            await asyncio.sleep(0.2)
    [mail] = server.mails
    assert {other["Message-ID"] for other in server.refused} == {mail["Message-ID"]}
    assert len(server.refused) == 3
    assert mail["Subject"] == "Cost Analytics: 80 % of your daily budget reached"
    assert (mail["To"], mail["From"].addresses[0].addr_spec) == (
        "alice@example.com",
        "costs@example.org",
    )
    text = mail.get_body(("plain",))
    assert text is not None
    assert one.message in text.get_content()
    assert [outcome for _, outcome, _ in await attempts(database_url)] == [
        *["temporary"] * 3,
        "delivered",
    ]


async def test_an_sms_is_delivered_once_under_one_key(database_url: str) -> None:
    script = (Says(429, {"Retry-After": "0"}, b'{"code": 20429, "message": "Slow"}'), Says(500))
    async with receiver(*script, then=Says(201, body=b'{"sid": "SM1"}')) as provider:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_alerts(database_url, alert())
        sender = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        async with courier(database_url, {"sms": sender}):
            assert await until_ended(database_url, 1) == ["delivered"]
            await asyncio.sleep(0.2)
    assert len(provider.got) == 3
    assert len(provider.accepted) == 1
    assert len({got.id for got in provider.got}) == 1
    assert provider.got[0].form["To"] == "+14155550123"


async def test_a_number_that_unsubscribed_is_not_tried_again(database_url: str) -> None:
    refusal = Says(400, body=b'{"code": 21610, "message": "Unsubscribed +14155550123"}')
    async with receiver(then=refusal) as provider:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_alerts(database_url, alert())
        sender = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        async with courier(database_url, {"sms": sender}):
            assert await until_ended(database_url, 1) == ["failed"]
    assert len(provider.got) == 1
    [row] = await fetch(database_url, "SELECT state, reason FROM notice_channels")
    assert row["state"] == "disabled"
    assert "21610" in row["reason"]
    assert "+14155550123" not in row["reason"]


async def test_who_has_much_to_say_about_a_refusal_is_not_asked_again(database_url: str) -> None:
    """What is kept of the answer has room for so much; the message was refused all the same."""
    words = "This number cannot be reached from this account. " * 20
    refusal = Says(400, body=f'{{"code": 21408, "message": "{words}"}}'.encode())
    async with receiver(then=refusal) as provider, mail_server(f"554 {words[:600]}") as server:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_channel(database_url, "alice@example.com", kind="email")
        await write_alerts(database_url, alert())
        sms = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        mail = EmailSender(SmtpServer("127.0.0.1", server.port, "costs@example.org"))
        async with courier(database_url, {"sms": sms, "email": mail}):
            assert await until_ended(database_url, 2) == ["failed", "failed"]
    assert (len(provider.got), len(server.refused)) == (1, 1)
    rows = await fetch(database_url, "SELECT error FROM notice_attempts ORDER BY length(error)")
    assert {len(row[0]) for row in rows} == {ERROR_CHARACTERS_MAX}
    assert {row[0].split(":")[0] for row in rows} == {
        "The provider answered 400, error 21408", "The mail server answered 554",
    }  # fmt: skip


async def test_dead_receivers_hold_nobody_up(database_url: str) -> None:
    """Sixteen receivers hang; one that works gets its notices while all of them do."""
    async with receiver(then="hang") as dead, receiver() as living:
        for number in range(16):
            await write_channel(database_url, f"{dead.url}/{number}", user_id=f"dead-{number}")
        await write_channel(database_url, living.url, user_id="living")
        await write_alerts(database_url, *(alert(f"dead-{n}") for n in range(16) for _ in "123"))
        async with courier(database_url, webhooks(ENDLESS), concurrent_max=20, failing_max=4):
            while len(dead.got) < 16:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await write_alerts(database_url, *(alert("living") for _ in range(20)))
            while len(living.accepted) < 20:
                await asyncio.sleep(0.01)
            took_ms = round(1000 * (time.monotonic() - began))
            assert dead.connections == 16  # one attempt at a time for each
    assert took_ms < ENDLESS
    parts.figures.append(
        f"20 notices to one receiver beside 16 that hang: all delivered in {took_ms} ms"
    )


async def test_those_that_failed_before_never_take_all_the_room(database_url: str) -> None:
    async with receiver(then="hang") as dead, receiver() as living:
        for number in range(8):
            await write_channel(database_url, f"{dead.url}/{number}", user_id=f"dead-{number}")
        await fetch(database_url, "UPDATE notice_channels SET failures = 1")
        await write_channel(database_url, living.url, user_id="living")
        await write_alerts(database_url, *(alert(f"dead-{n}") for n in range(8)))
        async with courier(database_url, webhooks(ENDLESS), concurrent_max=4, failing_max=2):
            while len(dead.got) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)  # ten more looks
            assert dead.connections == 2
            began = time.monotonic()
            await write_alerts(database_url, *(alert("living") for _ in range(5)))
            while len(living.accepted) < 5:
                await asyncio.sleep(0.01)
            assert time.monotonic() - began < ENDLESS / 2000
