"""Users cannot reach channels of other users: by HTTP, by row policy, by query."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from api.http.options import ApiOptions
from ledger.notifications.channel_requests import ChannelRefusal, ChannelRequest
from ledger.notifications.channels import UserChannels
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from schemas.notices import CHANNELS_MAX, NewChannel
from streams.notifications.webhook import WebhookSender
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.logins import as_login
from tests.support.notifications import (
    alert,
    delivery_worker,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import ScriptedResponse, receiver
from tests.support.recording import fetch

PATH = "/api/costs/user/alice/channels"


ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
ALL_TYPES = ApiOptions(channel_types=("email", "sms", "webhook"), webhook_allow_private=True)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, options=ALL_TYPES) as api:
        yield api


@pytest.fixture
async def readers(database_url: str) -> AsyncIterator[ReaderPool]:
    async with reader_pool(as_login(database_url, "api")) as readers:
        yield readers


async def post(
    api: ApiClient, path: str = "", body: Any = None, user: str = "alice"
) -> ApiResponse:
    return await api.ask("POST", PATH + path, bearer=token(user), body=body or {})


async def test_channel_of_another_user_looks_nonexistent(api: ApiClient, database_url: str) -> None:
    theirs = await write_channel(database_url, "https://example.com/", user_id="bob")
    responses = []
    for channel in (theirs, str(uuid4()), "nonsense"):
        path = f"{PATH}/{channel}"
        responses += [
            await api.ask("PUT", path, bearer=token(), body={"kinds": []}),
            await api.ask("DELETE", path, bearer=token()),
            await api.ask("POST", f"{path}/verify", bearer=token(), body={"code": "1"}),
            await api.ask("POST", f"{path}/verify", bearer=token(), body={}),
            await api.ask("POST", f"{path}/test", bearer=token(), body={}),
            await api.get(f"{path}/deliveries", "alice"),
        ]
    assert {(response.status, response.body) for response in responses} == {
        (403, responses[0].body)
    }
    assert (await api.get(PATH, "alice")).data == {"channels": []}
    bobs = PATH.replace("alice", "bob")
    assert (await api.get(bobs, "alice")).code == "forbidden"
    admin = token("root", role="admin")
    assert len((await api.ask("GET", bobs, bearer=admin)).data["channels"]) == 1


TABLES = ("notice_channels", "notice_codes", "notice_deliveries", "notice_attempts")


@pytest.fixture
async def written(database_url: str) -> str:
    """A channel, a code, a delivery and an attempt of alice and of bob each."""
    for user in ("alice", "bob"):
        channel = await write_channel(database_url, "https://example.com/", user_id=user)
        await fetch(
            database_url,
            """WITH code AS (INSERT INTO notice_codes VALUES ($1::text::uuid, $2, '\\x00', 0, now())),
                    delivery AS (INSERT INTO notice_deliveries (channel_id, user_id, kind)
                                 VALUES ($1::text::uuid, $2, 'test') RETURNING delivery_id)
               INSERT INTO notice_attempts SELECT delivery_id, 1, $2 FROM delivery""",
            channel,
            user,
        )
    return database_url


@pytest.mark.parametrize("table", TABLES)
async def test_row_policies_hide_channels_of_other_users(written: str, table: str) -> None:
    unfiltered = f"SELECT user_id FROM {table} ORDER BY 1"
    async with reader_pool(as_login(written, "api")) as readers:
        for viewer, seen in ((ALICE, ["alice"]), (Viewer("no"), []), (ROOT, ["alice", "bob"])):
            async with readers.reading(viewer) as connection:
                assert [row[0] for row in await connection.fetch(unfiltered)] == seen


async def test_api_cannot_read_secrets_and_codes(written: str) -> None:
    for query in ("SELECT secret FROM notice_channels", "SELECT code FROM notice_deliveries",
                  "SELECT unsubscribe_token FROM notice_channels",
                  "UPDATE notice_channels SET unsubscribe_token = gen_random_uuid()",
                  "SELECT * FROM notice_channels", "DELETE FROM notice_deliveries",
                  "DELETE FROM notice_attempts", "UPDATE notice_channels SET user_id = 'x'",
                  "UPDATE notice_channels SET secret = 'x'"):  # fmt: skip
        async with reader_pool(as_login(written, "api")) as readers:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with readers.writing(ROOT) as connection:
                    await connection.execute(query)


async def test_queries_hide_other_users_without_row_policies(written: str) -> None:
    """Every statement about a channel of alice, run as a superuser for another viewer."""
    queries = statements("notifications/channels")
    connection = await asyncpg.connect(written)
    channel = await connection.fetchval(
        "SELECT channel_id::text FROM notice_channels WHERE user_id = 'alice'"
    )
    values = {
        "user_id": "alice", **BOB.parameters, "channel_id": channel, "type": "email",
        "address": "a@b.c", "secret": None, "digest": b"x", "seconds": 3600, "kind": "test",
        "code": None, "before": 2**62, "limit": 10, "kinds": ["anomaly"],
        "quiet_hours": None,
    }  # fmt: skip
    try:
        for name in queries.keys() - {"lock"}:
            wanted = {
                parameter: values[parameter] for parameter in queries.statement(name).parameters
            }
            query = queries.bind(name, **wanted)
            if name == "recent":
                [row] = await connection.fetch(*query)
                assert row["requests"] == 0
                continue
            status = await connection.execute(*query)
            assert status.split()[-1] == "0", name
    finally:
        await connection.close()


EMAIL, SMS = ChannelRequest("email", "a@example.com"), ChannelRequest("sms", "+14155550123")
HOOK = ChannelRequest("webhook", "https://example.com/")


async def test_all_channels_can_be_replaced_at_once(readers: ReaderPool, database_url: str) -> None:
    kept = await write_channel(database_url, EMAIL.address, kind="email")
    await write_channel(database_url, SMS.address, kind="sms")
    async with readers.writing(ALICE) as connection:
        channels = await UserChannels(connection, ALICE, "alice").replace([HOOK, EMAIL, HOOK])
    assert not isinstance(channels, ChannelRefusal)
    assert [(one.type, one.state) for one in channels] == [
        ("email", "verified"),
        ("webhook", "unverified"),
    ]
    assert channels[0].channel_id == kept
    assert isinstance(channels[1], NewChannel)
    assert channels[1].secret is not None
    async with readers.reading(ALICE) as connection:
        listed = await UserChannels(connection, ALICE, "alice").read()
    assert [one.type for one in listed] == ["email", "webhook"]
    async with readers.writing(ALICE) as connection:
        assert await UserChannels(connection, ALICE, "alice").replace([HOOK]) == [listed[1]]
        assert await UserChannels(connection, ALICE, "alice").replace([]) == []
        many = [ChannelRequest("email", f"a{n}@example.com") for n in range(CHANNELS_MAX + 1)]
        assert isinstance(
            await UserChannels(connection, ALICE, "alice").replace(many), ChannelRefusal
        )
        assert isinstance(
            await UserChannels(connection, BOB, "alice").replace([HOOK]), ChannelRefusal
        )


async def test_disabled_channel_must_be_verified_again(api: ApiClient, database_url: str) -> None:
    async with receiver(ScriptedResponse(410)) as endpoint:
        channel = await write_channel(database_url, endpoint.url)
        await write_alerts(database_url, alert())
        async with delivery_worker(database_url, {"webhook": WebhookSender(allow_private=True)}):
            await until_ended(database_url, 1)
            assert (await api.get(PATH, "alice")).data["channels"][0]["state"] == "disabled"
            requested = await api.ask("POST", f"{PATH}/{channel}/verify", bearer=token("alice"))
            assert requested.data["state"] == "disabled"  # also without a body
            await until_ended(database_url, 2)
            code = endpoint.requests[1].json["data"]["challenge"]
            verified = (await post(api, f"/{channel}/verify", {"code": code})).data
            assert (verified["state"], verified["reason"]) == ("verified", None)
            await write_alerts(database_url, alert())
            assert await until_ended(database_url, 3) == ["failed", "delivered", "delivered"]
