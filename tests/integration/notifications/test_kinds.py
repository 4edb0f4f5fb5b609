"""Channels get the kinds of notifications that their owners chose, from then on."""

import json
from typing import Any

from api.http.options import ApiOptions
from ledger.notifications.deliveries import delivery_store
from ledger.notifications.notices import ADMINISTRATORS, Notice
from tests.support.api import served_from, token
from tests.support.notifications import (
    alert,
    delivery_worker,
    states,
    until_ended,
    write_alerts,
    write_anomaly,
    write_channel,
    write_notice,
)
from tests.support.receivers import receiver
from tests.support.recording import fetch

PATH = "/api/costs/user/alice/channels"
LOCAL = ApiOptions(webhook_allow_private=True)


def low_balance(user_id: str = "alice", cause: str = "2026-11") -> Notice:
    return Notice(
        "low_balance",
        user_id,
        (cause,),
        "A title",
        ["One sentence."],
        "/outlook",
        "a.type",
        {"a": 1},
    )


async def test_each_channel_gets_its_kinds(database_url: str) -> None:
    async with receiver() as first, receiver() as second, receiver() as third:
        await write_channel(database_url, first.url)
        await write_channel(database_url, second.url, kinds=("anomaly", "low_balance"))
        await write_channel(database_url, third.url, kinds=())
        [alert_id] = await write_alerts(database_url, alert())
        anomaly_id = await write_anomaly(database_url)
        await write_notice(database_url, low_balance())
        async with delivery_worker(database_url):
            await until_ended(database_url, 3)
    [budget] = first.accepted
    assert budget.json["data"]["alertId"] == alert_id
    sent = {request.json["type"]: request.json["data"] for request in second.accepted}
    assert sent["cost.anomaly.detected"]["anomalyId"] == anomaly_id
    assert sent["a.type"] == {"a": 1}
    assert len(second.accepted) == 2
    assert third.accepted == []


async def test_same_cause_is_sent_once(database_url: str) -> None:
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url, kinds=("anomaly", "low_balance"))
        async with delivery_worker(database_url), delivery_worker(database_url):
            for _ in range(3):
                await write_anomaly(database_url)
                await write_notice(database_url, low_balance(), low_balance(cause="2026-12"))
            await until_ended(database_url, 3)
    assert len(endpoint.accepted) == 3


async def test_new_kind_begins_when_it_is_switched_on(database_url: str) -> None:
    async with receiver() as endpoint, served_from(database_url, options=LOCAL) as api:
        channel = await write_channel(database_url, endpoint.url)
        await write_anomaly(database_url, call_id="before")
        await write_notice(database_url, low_balance(cause="before"))
        body: dict[str, Any] = {"kinds": ["low_balance", "anomaly", "alert", "alert"]}
        changed = await api.ask("PUT", f"{PATH}/{channel}", bearer=token(), body=body)
        assert changed.data["kinds"] == ["alert", "anomaly", "low_balance"]
        [alert_id] = await write_alerts(database_url, alert())
        # The alert was raised before this change, and its kind was on before it.
        body = {"kinds": ["anomaly", "low_balance", "alert"]}
        await api.ask("PUT", f"{PATH}/{channel}", bearer=token(), body=body)
        await write_anomaly(database_url, call_id="after")
        await write_notice(database_url, low_balance(cause="after"))
        async with delivery_worker(database_url):
            await until_ended(database_url, 3)
    sent = [request.json["data"] for request in endpoint.accepted]
    assert {data.get("alertId") for data in sent} == {alert_id, None}
    assert {data.get("callId") for data in sent} == {"after", None}


async def test_waiting_message_of_a_kind_that_is_switched_off_is_skipped(
    database_url: str,
) -> None:
    async with receiver() as endpoint, served_from(database_url) as api:
        channel = await write_channel(database_url, endpoint.url, kinds=("anomaly",))
        await write_anomaly(database_url)
        async with delivery_store(database_url) as store:
            assert await store.sweep() == 1
        await api.ask("PUT", f"{PATH}/{channel}", bearer=token(), body={"kinds": []})
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
    [row] = await fetch(database_url, "SELECT state, reason FROM notice_deliveries")
    assert tuple(row) == ("skipped", "The channel no longer gets this kind.")
    assert endpoint.accepted == []


async def test_resolved_anomaly_is_not_sent(database_url: str) -> None:
    await write_channel(database_url, "https://example.com/", kinds=("anomaly",))
    await write_anomaly(database_url)
    await fetch(database_url, "UPDATE cost_anomalies SET resolved_at = now()")
    async with delivery_worker(database_url):
        await fetch(database_url, "SELECT pg_sleep(0.3)")
    assert await states(database_url) == []


async def test_messages_about_all_users_go_to_administrators_only(database_url: str) -> None:
    async with receiver() as users, receiver() as administrators:
        await write_channel(database_url, users.url, kinds=("low_balance",))
        await write_channel(
            database_url, administrators.url, user_id=ADMINISTRATORS, kinds=("low_balance",)
        )
        await write_notice(database_url, low_balance(ADMINISTRATORS))
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
    assert (len(users.accepted), len(administrators.accepted)) == (0, 1)


async def test_previous_release_leaves_new_kinds_alone(database_url: str) -> None:
    """It would fail or skip them: it claims and skips without the setting."""
    await write_channel(database_url, "https://example.com/", kinds=("anomaly",))
    await write_anomaly(database_url)
    await fetch(
        database_url,
        """INSERT INTO notice_deliveries (channel_id, user_id, kind, subject_id)
           SELECT channel_id, user_id, 'anomaly', anomaly_id
             FROM notice_channels JOIN cost_anomalies USING (user_id)""",
    )
    for change in ("'delivering', claimed_until = now()", "'skipped'"):
        await fetch(
            database_url, f"UPDATE notice_deliveries SET state = {change} WHERE state = 'pending'"
        )
        assert await states(database_url) == ["pending"]


async def test_channel_can_be_created_with_kinds(database_url: str) -> None:
    body = {"type": "webhook", "address": "https://example.com/"}
    async with served_from(database_url) as api:
        made = await api.ask("POST", PATH, bearer=token(), body=body)
        assert made.data["kinds"] == ["alert"]
        other = body | {"address": "https://example.com/2", "kinds": ["anomaly"]}
        assert (await api.ask("POST", PATH, bearer=token(), body=other)).data["kinds"] == [
            "anomaly"
        ]
        for wrong in (["news"], "alert", None, ["alert"] * 8):
            refused = await api.ask("POST", PATH, bearer=token(), body=body | {"kinds": wrong})
            assert (refused.status, refused.code) == (400, "invalid_body")
        budget = "/api/costs/user/alice/budget"
        both = {"channels": [body | {"kinds": ["alert", "anomaly"]}, other]}
        channels = (await api.ask("PUT", budget, bearer=token(), body=both)).data["channels"]
        assert [one["kinds"] for one in channels] == [["alert", "anomaly"], ["anomaly"]]
        kept = {"channels": [body]}
        channels = (await api.ask("PUT", budget, bearer=token(), body=kept)).data["channels"]
        assert [one["kinds"] for one in channels] == [["alert", "anomaly"]]
        assert json.dumps(channels) == json.dumps((await api.get(budget, "alice")).data["channels"])
