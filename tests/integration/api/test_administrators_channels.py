"""Channels of administrators: for messages about all users, and for administrators only."""

import pytest

from api.http.options import ApiOptions
from ledger.notifications.notices import ADMINISTRATORS
from tests.support.api import served_from, token
from tests.support.notifications import delivery_worker, until_ended
from tests.support.receivers import receiver
from tests.support.recording import fetch

PATH = "/api/admin/channels"
LOCAL = ApiOptions(webhook_allow_private=True)
ROOT = token("root", role="admin")


async def test_administrators_share_their_channels(database_url: str) -> None:
    async with receiver() as endpoint, served_from(database_url, options=LOCAL) as api:
        body = {"type": "webhook", "address": endpoint.url, "kinds": ["unpriced", "alert"]}
        made = (await api.ask("POST", PATH, bearer=ROOT, body=body)).data
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
        code = {"code": endpoint.requests[0].json["data"]["challenge"]}
        path = f"{PATH}/{made['channelId']}"
        other = token("another", role="admin")
        verified = await api.ask("POST", f"{path}/verify", bearer=other, body=code)
        assert verified.data["state"] == "verified"
        hours = {"quietHours": {"start": "22:00", "end": "06:00", "timezone": "Europe/Berlin"}}
        assert (await api.ask("PUT", path, bearer=other, body=hours)).data["kinds"] == [
            "alert", "unpriced",
        ]  # fmt: skip
        assert (await api.ask("POST", f"{path}/test", bearer=ROOT)).status == 200
        listed = (await api.ask("GET", f"{path}/deliveries", bearer=ROOT)).data["deliveries"]
        assert [one["kind"] for one in listed] == ["test", "verification"]
        left = await api.ask("DELETE", path, bearer=ROOT)
        assert left.data == {"channels": []}


async def test_users_see_none_of_them(database_url: str) -> None:
    await fetch(
        database_url,
        "INSERT INTO notice_channels (user_id, type, address) VALUES ($1, 'email', 'a@b.example')",
        ADMINISTRATORS,
    )
    async with served_from(database_url) as api:
        for method, path in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/x")):
            assert (await api.ask(method, path, bearer=token(), body={})).code == "forbidden"
        assert (await api.get("/api/costs/user/alice/channels", "alice")).data == {"channels": []}
        assert (await api.ask("GET", "/api/costs/user//channels", bearer=token())).status == 404
        assert len((await api.ask("GET", PATH, bearer=ROOT)).data["channels"]) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [(PATH, "daily_digest"), (PATH, "anomaly"), ("/api/costs/user/alice/channels", "unpriced")],
)
async def test_kinds_are_those_of_the_owner(database_url: str, path: str, kind: str) -> None:
    body = {"type": "webhook", "address": "https://example.com/", "kinds": [kind]}
    async with served_from(database_url) as api:
        refused = await api.ask("POST", path, bearer=ROOT, body=body)
        assert (refused.status, refused.code) == (400, "invalid_body")
        assert f"not {kind}" in refused.json["error"]
