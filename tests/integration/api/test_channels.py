"""Notification channels over HTTP: verified before use, limited, and private."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from api.http.options import ApiOptions
from ledger.notifications.channels import (
    DELIVERIES_MAX,
    MESSAGES_PER_HOUR,
)
from ledger.notifications.verification_codes import GUESSES_MAX
from schemas.notices import CHANNELS_MAX
from streams.notifications.email import EmailSender, SmtpServer
from streams.notifications.sms import SmsProvider, SmsSender
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.notifications import (
    alert,
    delivery_worker,
    states,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import ScriptedResponse, mail_server, receiver
from tests.support.recording import fetch

PATH = "/api/costs/user/alice/channels"
ALL_TYPES = ApiOptions(channel_types=("email", "sms", "webhook"), webhook_allow_private=True)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, options=ALL_TYPES) as api:
        yield api


async def post(
    api: ApiClient, path: str = "", body: Any = None, user: str = "alice"
) -> ApiResponse:
    return await api.ask("POST", PATH + path, bearer=token(user), body=body or {})


async def make(api: ApiClient, kind: str, address: str) -> dict[str, Any]:
    made: dict[str, Any] = (await post(api, body={"type": kind, "address": address})).data
    return made


async def age_deliveries(database_url: str) -> None:
    """Age the deliveries by an hour and a minute, so that limits have room again."""
    await fetch(
        database_url,
        "UPDATE notice_deliveries SET created_at = created_at - interval '61 minutes'",
    )


async def test_webhook_is_verified_by_its_challenge(api: ApiClient, database_url: str) -> None:
    async with receiver() as endpoint:
        created = await make(api, "webhook", endpoint.url)
        assert (created["state"], created["address"]) == ("unverified", endpoint.url)
        assert created["secret"].startswith("whsec_")
        await write_alerts(database_url, alert())
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
            [request] = endpoint.requests
            content = Webhook(created["secret"]).verify(request.body, dict(request.headers))
            assert content["type"] == "channel.verification"
            assert content["data"]["channelId"] == created["channelId"]
            path = f"/{created['channelId']}"
            code = content["data"]["challenge"]
            verified = (await post(api, path + "/verify", {"code": code})).data
            assert verified["state"] == "verified"
            assert "secret" not in verified
            await write_alerts(database_url, alert())
            await until_ended(database_url, 2)
    assert len(endpoint.requests) == 2
    assert endpoint.requests[1].json["type"] == "budget.threshold.reached"
    [listed] = (await api.get(PATH, "alice")).data["channels"]
    assert listed | {"deliveredAt": verified["deliveredAt"]} == verified
    assert listed["deliveredAt"] > verified["deliveredAt"]


async def test_mail_and_sms_are_verified_by_a_code(api: ApiClient, database_url: str) -> None:
    async with mail_server() as mail, receiver(then=ScriptedResponse(201)) as provider:
        email = await make(api, "email", "Alice@Example.com")
        sms = await make(api, "sms", "+1 (415) 555-0123")
        assert (email["address"], sms["address"]) == ("Alice@example.com", "+14155550123")
        assert email["secret"] is None
        senders = {
            "email": EmailSender(SmtpServer("127.0.0.1", mail.port, "costs@example.org")),
            "sms": SmsSender(SmsProvider(provider.url, "AC1", "key", "+14155550100")),
        }
        async with delivery_worker(database_url, senders):  # type: ignore[arg-type]
            await until_ended(database_url, 2)
    subject = str(mail.mails[0]["Subject"])
    texts = {email["channelId"]: subject, sms["channelId"]: provider.requests[0].form["Body"]}
    for channel, text in texts.items():
        code = next(word.strip(".") for word in text.split() if word.strip(".").isdigit())
        assert len(code) == 6
        assert (await post(api, f"/{channel}/verify", {"code": code})).data["state"] == "verified"
    codes = await fetch(database_url, "SELECT code FROM notice_deliveries")
    assert [row[0] for row in codes] == [None, None]
    assert await fetch(database_url, "SELECT FROM notice_codes") == []


async def code_of(database_url: str) -> str:
    query = "SELECT code FROM notice_deliveries WHERE code IS NOT NULL AND state = 'pending'"
    [row] = await fetch(database_url, query)
    return str(row[0])


async def test_wrong_codes_are_limited(api: ApiClient, database_url: str) -> None:
    created = await make(api, "email", "alice@example.com")
    verify, code = f"/{created['channelId']}/verify", await code_of(database_url)
    wrong = "000000" if code != "000000" else "000001"
    for left in range(GUESSES_MAX - 1, -1, -1):
        refused = await post(api, verify, {"code": wrong})
        assert (refused.status, refused.code) == (400, "invalid_body")
        assert f"{left} of {GUESSES_MAX} attempts left" in refused.json["error"]
    refused = await post(api, verify, {"code": code})
    assert "Too many wrong codes" in refused.json["error"]
    [row] = await fetch(database_url, "SELECT state FROM notice_channels")
    assert row[0] == "unverified"
    await age_deliveries(database_url)
    assert (await post(api, verify)).data["state"] == "unverified"
    assert (await post(api, verify, {"code": code})).status == 400
    newest = await code_of(database_url)
    assert (await post(api, verify, {"code": newest})).data["state"] == "verified"
    again = await post(api, verify, {"code": "whatever"})
    assert again.data["state"] == "verified"
    assert "already verified" in (await post(api, verify)).json["error"]


async def test_parallel_wrong_codes_are_limited(api: ApiClient, database_url: str) -> None:
    created = await make(api, "email", "alice@example.com")
    code = await code_of(database_url)
    guesses = [f"{n:06d}" for n in range(30) if f"{n:06d}" != code]
    responses = await asyncio.gather(
        *(post(api, f"/{created['channelId']}/verify", {"code": guess}) for guess in guesses)
    )
    tried = [response for response in responses if "attempts left" in response.json["error"]]
    assert len(tried) == GUESSES_MAX


async def test_verification_code_expires(api: ApiClient, database_url: str) -> None:
    created = await make(api, "email", "alice@example.com")
    code = await code_of(database_url)
    await fetch(database_url, "UPDATE notice_codes SET expires_at = now()")
    refused = await post(api, f"/{created['channelId']}/verify", {"code": code})
    assert "expired" in refused.json["error"]
    await fetch(
        database_url,
        "UPDATE notice_deliveries SET created_at = now() - interval '16 minutes'",
    )
    async with delivery_worker(database_url):
        assert await until_ended(database_url, 1) == ["skipped"]


async def test_verification_and_test_messages_are_limited(
    api: ApiClient, database_url: str
) -> None:
    """An unverified address may belong to another person."""
    created = await make(api, "email", "alice@example.com")
    verify = f"/{created['channelId']}/verify"
    too_soon = await post(api, verify)
    assert (too_soon.status, too_soon.code) == (429, "rate_limited")
    assert 0 < int(too_soon.headers["Retry-After"]) <= 60
    for number in range(MESSAGES_PER_HOUR - 1):
        new = await make(api, "email", f"stranger{number}@example.com")
        await api.ask("DELETE", f"{PATH}/{new['channelId']}", bearer=token())
    refused = await post(api, body={"type": "email", "address": "one@more.example"})
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert len((await api.get(PATH, "alice")).data["channels"]) == 1
    await age_deliveries(database_url)
    assert (await post(api, verify)).status == 200


async def test_parallel_requests_cannot_exceed_the_channel_limit(
    api: ApiClient, database_url: str
) -> None:
    for number in range(CHANNELS_MAX - 3):
        await write_channel(database_url, f"https://example.com/{number}")
    bodies = [{"type": "email", "address": f"a{number}@example.com"} for number in range(8)]
    responses = await asyncio.gather(*(post(api, body=body) for body in bodies))
    assert sorted(response.status for response in responses) == [200] * 3 + [400] * 5
    assert len((await api.get(PATH, "alice")).data["channels"]) == CHANNELS_MAX


async def test_address_has_one_channel(api: ApiClient) -> None:
    await make(api, "email", "alice@example.com")
    again = await post(api, body={"type": "email", "address": " alice@EXAMPLE.com"})
    assert (again.status, again.code) == (400, "invalid_body")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"type": "email"}, "address"),
        ({"type": "pigeon", "address": "x"}, "type"),
        ({"type": "email", "address": "alice"}, "`address`"),
        ({"type": "sms", "address": "0123"}, "`address`"),
        ({"type": "webhook", "address": "https://u:p@example.com/"}, "`address`"),
        ({"type": "email", "address": "a@example.com", "verified": True}, "verified"),
        ({"type": "email", "address": "a\0@example.com"}, "`address`"),
        (b"{", "JSON"),
        (b"[]", "object"),
    ],
)
async def test_invalid_body_is_refused(api: ApiClient, body: Any, named: str) -> None:
    refused = await post(api, body=body)
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert named in refused.json["error"]


async def test_unavailable_channel_type_is_refused_with_the_available_ones(
    database_url: str,
) -> None:
    async with served_from(database_url) as api:
        for kind, address in (("email", "alice@example.com"), ("sms", "+14155550123")):
            refused = await post(api, body={"type": kind, "address": address})
            assert refused.status == 400
            assert f"{kind} is not set up on this server" in refused.json["error"]
            assert "webhook" in refused.json["error"]
        for private in ("http://127.0.0.1:9/", "https://10.0.0.1/", "https://localhost/"):
            refused = await post(api, body={"type": "webhook", "address": private})
            assert refused.code == "invalid_body"


async def test_test_message_is_delivered(api: ApiClient, database_url: str) -> None:
    async with receiver() as endpoint:
        channel = await write_channel(database_url, endpoint.url)
        unverified = await write_channel(database_url, f"{endpoint.url}/2", state="unverified")
        requested = await post(api, f"/{channel}/test")
        assert requested.status == 200
        too_soon = await post(api, f"/{channel}/test")
        assert (too_soon.status, too_soon.code) == (429, "rate_limited")
        assert "Verify this channel" in (await post(api, f"/{unverified}/test")).json["error"]
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
    assert endpoint.requests[0].json["type"] == "channel.test"
    [delivery] = (await api.get(f"{PATH}/{channel}/deliveries", "alice")).data["deliveries"]
    assert delivery["deliveryId"] == requested.data["deliveryId"]
    assert (delivery["kind"], delivery["state"], delivery["alertId"]) == ("test", "delivered", None)


async def test_each_attempt_is_listed(api: ApiClient, database_url: str) -> None:
    async with receiver(ScriptedResponse(500), ScriptedResponse(503)) as endpoint:
        channel = await write_channel(database_url, endpoint.url)
        [alert_id] = await write_alerts(database_url, alert())
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
    page = (await api.get(f"{PATH}/{channel}/deliveries", "alice")).data
    [delivery] = page["deliveries"]
    assert page["nextCursor"] is None
    assert (delivery["state"], delivery["alertId"]) == ("delivered", alert_id)
    tried = [(one["number"], one["outcome"], one["status"]) for one in delivery["attempts"]]
    assert tried == [(1, "temporary", "500"), (2, "temporary", "503"), (3, "delivered", "200")]
    assert delivery["attempts"][0]["error"] == "The endpoint answered 500."
    assert all(one["duration_ms"] >= 0 for one in delivery["attempts"])
    assert endpoint.url not in str(page)


async def test_deliveries_are_paged(api: ApiClient, database_url: str) -> None:
    channel = await write_channel(database_url, "https://example.com/")
    total = 2 * DELIVERIES_MAX + 3
    await fetch(
        database_url,
        "INSERT INTO notice_deliveries (channel_id, user_id, kind)"
        " SELECT $1::text::uuid, 'alice', 'test' FROM generate_series(1, $2)",
        channel,
        total,
    )
    seen: list[str] = []
    query: str | None = ""
    pages = 0
    while query is not None:
        page = (await api.get(f"{PATH}/{channel}/deliveries{query}", "alice")).data
        seen += [delivery["deliveryId"] for delivery in page["deliveries"]]
        pages += 1
        query = f"?cursor={page['nextCursor']}" if page["nextCursor"] else None
    assert (pages, len(seen), len(set(seen))) == (3, total, total)
    for wrong in ("-1", "x", "1" * 30, "²"):
        refused = await api.get(
            f"{PATH}/{channel}/deliveries?cursor={wrong}".replace("²", "%C2%B2"), "alice"
        )
        assert refused.code == "invalid_parameter"


async def test_removing_a_channel_cancels_deliveries(api: ApiClient, database_url: str) -> None:
    created = await make(api, "email", "alice@example.com")
    kept = await make(api, "webhook", "https://example.com/")
    left = await api.ask("DELETE", f"{PATH}/{created['channelId']}", bearer=token())
    assert [one["channelId"] for one in left.data["channels"]] == [kept["channelId"]]
    assert await states(database_url) == ["skipped", "pending"]
    again = await api.ask("DELETE", f"{PATH}/{created['channelId']}", bearer=token())
    assert again.code == "forbidden"
