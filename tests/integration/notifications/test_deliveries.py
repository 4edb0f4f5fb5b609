"""Deliveries to misbehaving receivers: each notification arrives, once, under one id."""

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
from tests.support.notifications import (
    OPTIONS,
    SECRET,
    alert,
    attempts,
    delivery_worker,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import ScriptedResponse, mail_server, receiver
from tests.support.recording import fetch

ENDLESS = 2_500
"""The timeout of an attempt at a hanging receiver, in milliseconds."""


def webhooks(timeout_ms: int = 400) -> dict[ChannelType, ChannelSender]:
    return {"webhook": WebhookSender(allow_private=True, timeout_ms=timeout_ms)}


async def expect_next_delivered(database_url: str) -> None:
    """Raise a second alert and wait for its delivery; a delivery still due would be sent first."""
    await write_alerts(database_url, alert())
    assert await until_ended(database_url, 2) == ["delivered"] * 2


async def test_webhook_is_retried_until_it_is_accepted(database_url: str) -> None:
    async with receiver(
        ScriptedResponse(500), "hang", "close", ScriptedResponse(301, {"Location": "/"})
    ) as endpoint:
        await write_channel(database_url, endpoint.url)
        raised = alert()
        await write_alerts(database_url, raised)
        async with delivery_worker(database_url, webhooks()):
            assert await until_ended(database_url, 1) == ["delivered"]
            await expect_next_delivered(database_url)
    *got_of_one, got_of_next = endpoint.requests
    assert [request.action for request in got_of_one[:3]] == [
        ScriptedResponse(500),
        "hang",
        "close",
    ]
    assert len(got_of_one) == 5
    assert len(endpoint.accepted) == 2
    assert {request.id for request in got_of_one} != {got_of_next.id}
    assert len({request.id for request in got_of_one}) == 1
    assert len({request.body for request in got_of_one}) == 1
    for request in got_of_one:
        result = Webhook(SECRET).verify(request.body, dict(request.headers))
        assert result["type"] == "budget.threshold.reached"
        assert result["data"]["alertId"] == raised.alert_id
    tried = [("temporary", "500"), ("temporary", None), ("temporary", None),
             ("temporary", "301"), ("delivered", "200")]  # fmt: skip
    assert await attempts(database_url) == [
        *((number, *one) for number, one in enumerate(tried, 1)),
        (1, "delivered", "200"),
    ]


async def test_gone_endpoint_disables_its_channel(database_url: str) -> None:
    async with receiver(then=ScriptedResponse(410)) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert(), alert())
        async with delivery_worker(database_url):
            assert sorted(await until_ended(database_url, 2)) == ["failed", "skipped"]
    assert len(endpoint.requests) == 1
    [row] = await fetch(database_url, "SELECT state, reason FROM notice_channels")
    assert tuple(row) == ("disabled", "The endpoint answered 410 Gone.")
    reasons = await fetch(database_url, "SELECT reason FROM notice_deliveries ORDER BY seq")
    assert [row[0] for row in reasons] == [
        "The endpoint answered 410 Gone.",
        "The channel is disabled.",
    ]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_respected(database_url: str, status: int) -> None:
    async with receiver(ScriptedResponse(status, {"Retry-After": "1"})) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert(), alert())
        began = time.monotonic()
        async with delivery_worker(database_url):
            assert await until_ended(database_url, 2) == ["delivered", "delivered"]
        assert time.monotonic() - began >= 1
    assert len(endpoint.requests) == 3


async def test_last_failed_attempt_disables_the_channel(
    database_url: str,
) -> None:
    most = OPTIONS.schedules["webhook"].attempts_max
    async with receiver(then=ScriptedResponse(500)) as endpoint:
        await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_worker(database_url):
            assert await until_ended(database_url, 1) == ["failed"]
    assert len(endpoint.requests) == most
    [row] = await fetch(database_url, "SELECT state, failures FROM notice_channels")
    assert tuple(row) == ("disabled", most)


async def test_mail_is_accepted_once_under_one_message_id(database_url: str) -> None:
    async with mail_server("451 Later", "close", "452 Full") as server:
        await write_channel(database_url, "alice@example.com", kind="email")
        raised = alert()
        await write_alerts(database_url, raised)
        sender = EmailSender(SmtpServer("127.0.0.1", server.port, "costs@example.org"))
        async with delivery_worker(database_url, {"email": sender}):
            assert await until_ended(database_url, 1) == ["delivered"]
            await expect_next_delivered(database_url)
    mail, next_mail = server.mails
    assert next_mail["Message-ID"] != mail["Message-ID"]
    assert {other["Message-ID"] for other in server.refused} == {mail["Message-ID"]}
    assert len(server.refused) == 3
    assert mail["Subject"] == "Cost Analytics: You've used 80% of your daily budget"
    assert (mail["To"], mail["From"].addresses[0].addr_spec) == (
        "alice@example.com",
        "costs@example.org",
    )
    text = mail.get_body(("plain",))
    assert text is not None
    assert raised.message in text.get_content()
    assert [outcome for _, outcome, _ in await attempts(database_url)] == [
        *["temporary"] * 3,
        *["delivered"] * 2,
    ]


async def test_sms_is_accepted_once_under_one_idempotency_key(database_url: str) -> None:
    script = (
        ScriptedResponse(429, {"Retry-After": "0"}, b'{"code": 20429, "message": "Slow"}'),
        ScriptedResponse(500),
    )
    async with receiver(*script, then=ScriptedResponse(201, body=b'{"sid": "SM1"}')) as provider:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_alerts(database_url, alert())
        sender = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        async with delivery_worker(database_url, {"sms": sender}):
            assert await until_ended(database_url, 1) == ["delivered"]
            await expect_next_delivered(database_url)
    assert len(provider.requests) == 4
    assert len(provider.accepted) == 2
    assert len({request.id for request in provider.requests[:3]}) == 1
    assert provider.requests[0].form["To"] == "+14155550123"


async def test_unsubscribed_number_disables_its_channel(database_url: str) -> None:
    refusal = ScriptedResponse(400, body=b'{"code": 21610, "message": "Unsubscribed +14155550123"}')
    async with receiver(then=refusal) as provider:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_alerts(database_url, alert())
        sender = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        async with delivery_worker(database_url, {"sms": sender}):
            assert await until_ended(database_url, 1) == ["failed"]
    assert len(provider.requests) == 1
    [row] = await fetch(database_url, "SELECT state, reason FROM notice_channels")
    assert row["state"] == "disabled"
    assert "21610" in row["reason"]
    assert "+14155550123" not in row["reason"]


async def test_long_refusals_are_permanent_and_truncated(database_url: str) -> None:
    """The stored answer is truncated; the message was refused all the same."""
    words = "This number cannot be reached from this account. " * 20
    refusal = ScriptedResponse(400, body=f'{{"code": 21408, "message": "{words}"}}'.encode())
    async with receiver(then=refusal) as provider, mail_server(f"554 {words[:600]}") as server:
        await write_channel(database_url, "+14155550123", kind="sms")
        await write_channel(database_url, "alice@example.com", kind="email")
        await write_alerts(database_url, alert())
        sms = SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100"))
        mail = EmailSender(SmtpServer("127.0.0.1", server.port, "costs@example.org"))
        async with delivery_worker(database_url, {"sms": sms, "email": mail}):
            assert await until_ended(database_url, 2) == ["failed", "failed"]
    assert (len(provider.requests), len(server.refused)) == (1, 1)
    rows = await fetch(database_url, "SELECT error FROM notice_attempts ORDER BY length(error)")
    assert {len(row[0]) for row in rows} == {ERROR_CHARACTERS_MAX}
    assert {row[0].split(":")[0] for row in rows} == {
        "The provider answered 400, error 21408", "The mail server answered 554",
    }  # fmt: skip


async def test_hanging_receivers_delay_no_other(database_url: str) -> None:
    """Sixteen receivers hang; a working one gets its notifications meanwhile."""
    async with receiver(then="hang") as dead, receiver() as living:
        for number in range(16):
            await write_channel(database_url, f"{dead.url}/{number}", user_id=f"dead-{number}")
        await write_channel(database_url, living.url, user_id="living")
        await write_alerts(database_url, *(alert(f"dead-{n}") for n in range(16) for _ in "123"))
        async with delivery_worker(
            database_url, webhooks(ENDLESS), concurrent_max=20, failing_max=4
        ):
            while len(dead.requests) < 16:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await write_alerts(database_url, *(alert("living") for _ in range(20)))
            while len(living.accepted) < 20:
                await asyncio.sleep(0.01)
            took_ms = round(1000 * (time.monotonic() - began))
            assert dead.connections == 16  # one attempt at a time for each channel
    assert took_ms < ENDLESS
    parts.figures.append(
        f"20 notices to one receiver beside 16 that hang: all delivered in {took_ms} ms"
    )


async def test_failing_channels_never_use_all_slots(database_url: str) -> None:
    async with receiver(then="hang") as dead, receiver() as living:
        for number in range(8):
            await write_channel(database_url, f"{dead.url}/{number}", user_id=f"dead-{number}")
        await fetch(database_url, "UPDATE notice_channels SET failures = 1")
        await write_channel(database_url, living.url, user_id="living")
        await write_alerts(database_url, *(alert(f"dead-{n}") for n in range(8)))
        async with delivery_worker(
            database_url, webhooks(ENDLESS), concurrent_max=4, failing_max=2
        ):
            while len(dead.requests) < 2:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await write_alerts(database_url, *(alert("living") for _ in range(5)))
            while len(living.accepted) < 5:
                await asyncio.sleep(0.01)
            assert time.monotonic() - began < ENDLESS / 2000
            assert dead.connections == 2  # each of the claims since then could have taken more
