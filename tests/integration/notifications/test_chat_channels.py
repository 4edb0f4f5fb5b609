"""Channels of Slack, Discord and Teams: verified by a code, and disabled once revoked."""

import re

import pytest

from api.http.options import ApiOptions
from schemas.notices import CHAT_TYPES, ChatType
from streams.notifications.chat import ChatSender
from tests.support.api import served_from, token
from tests.support.chat_servers import GONE, PATHS, SERVERS, shown_texts
from tests.support.notifications import alert, delivery_worker, until_ended, write_alerts
from tests.support.receivers import receiver
from tests.support.recording import fetch

PATH = "/api/costs/user/alice/channels"
OPTIONS = ApiOptions(channel_types=("webhook", *CHAT_TYPES), webhook_allow_private=True)


@pytest.mark.parametrize("kind", CHAT_TYPES)
async def test_chat_is_verified_used_and_disabled_when_it_is_revoked(
    database_url: str, kind: ChatType
) -> None:
    refusal = GONE[kind][0]
    async with (
        receiver(then=SERVERS[kind]) as service,
        served_from(database_url, options=OPTIONS) as api,
    ):
        body = {"type": kind, "address": service.url.removesuffix("/hook") + PATHS[kind]}
        made = (await api.ask("POST", PATH, bearer=token(), body=body)).data
        assert (made["state"], made["secret"]) == ("unverified", None)
        sender = ChatSender(kind, allow_private=True)
        async with delivery_worker(
            database_url, {kind: sender}, dashboard_url="https://costs.example.com"
        ):
            await until_ended(database_url, 1)
            text = " ".join(shown_texts(kind, service.requests[0].body))
            [code] = set(re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", text))
            verify = f"{PATH}/{made['channelId']}/verify"
            verified = await api.ask("POST", verify, bearer=token(), body={"code": code})
            assert verified.data["state"] == "verified"
            await write_alerts(database_url, alert())
            await until_ended(database_url, 2)
            assert b"https://costs.example.com/budget" in service.requests[1].body
            service.follow(refusal)
            await write_alerts(database_url, alert())
            await until_ended(database_url, 3)
        [channel] = (await api.get(PATH, "alice")).data["channels"]
    assert channel["state"] == "disabled"
    assert f"answered {refusal.status}" in channel["reason"]
    states = await fetch(database_url, "SELECT state FROM notice_deliveries ORDER BY seq")
    assert [row[0] for row in states] == ["delivered", "delivered", "failed"]
