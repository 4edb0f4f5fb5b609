"""Mail programs turn a channel off by the headers of a mail (RFC 2369, RFC 8058)."""

import re
from email.message import EmailMessage
from uuid import uuid4

import pytest

from api.http.options import ApiOptions, RequestLimits
from schemas.notices import ChannelType
from streams.notifications.email import EmailSender, SmtpServer
from streams.notifications.sender import ChannelSender
from tests.support.api import ApiClient, served_from
from tests.support.notifications import (
    alert,
    delivery_worker,
    until_ended,
    write_alerts,
    write_channel,
)
from tests.support.receivers import MailServer, mail_server
from tests.support.recording import fetch

PUBLIC_URL = "https://costs.example.com"
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def mails_to(
    server: MailServer, public_url: str | None = PUBLIC_URL
) -> dict[ChannelType, ChannelSender]:
    smtp = SmtpServer("127.0.0.1", server.port, "costs@example.org")
    return {"email": EmailSender(smtp, public_url=public_url)}


async def mail_about_an_alert(
    url: str, server: MailServer, *, ended: int, public_url: str | None = PUBLIC_URL
) -> EmailMessage | None:
    """Raise an alert for alice; returns her mail, or None without one."""
    before = len(server.mails)
    await write_alerts(url, alert())
    async with delivery_worker(url, mails_to(server, public_url)):
        await until_ended(url, ended)
    return server.mails[-1] if len(server.mails) > before else None


def path_of(mail: EmailMessage, public_url: str = PUBLIC_URL) -> str:
    """Return the path of the unsubscribe link, as a mail program reads it."""
    found = re.fullmatch(rf"<{re.escape(public_url)}(/\S+)>", str(mail["List-Unsubscribe"]))
    assert found is not None, mail["List-Unsubscribe"]
    return found[1]


async def state_of(url: str, channel_id: str) -> tuple[str, str | None]:
    [row] = await fetch(
        url,
        "SELECT state, reason FROM notice_channels WHERE channel_id = $1::text::uuid",
        channel_id,
    )
    return row[0], row[1]


async def post(api: ApiClient, path: str) -> int:
    return (await api.ask("POST", path, body=ONE_CLICK.encode(), headers=FORM)).status


async def test_one_click_unsubscribes_one_channel(database_url: str) -> None:
    channel = await write_channel(database_url, "alice@example.com", kind="email")
    other = await write_channel(database_url, "https://example.com/hook")
    await fetch(
        database_url, "UPDATE notice_channels SET state = 'unverified' WHERE type = 'webhook'"
    )
    async with mail_server() as server:
        mail = await mail_about_an_alert(database_url, server, ended=1)
        assert mail is not None
        assert mail["List-Unsubscribe-Post"] == ONE_CLICK
        path = path_of(mail)
        async with served_from(database_url) as api:
            page = await api.ask("GET", path)
            assert page.status == 200
            assert '<form method="post">' in page.body.decode()
            assert "form-action 'self'" in page.headers["Content-Security-Policy"]
            assert await state_of(database_url, channel) == ("verified", None)
            assert await post(api, path) == 200
        # A repeat after a restart of the API changes nothing.
        async with served_from(database_url) as api:
            assert await post(api, path) == 200
        off = ("disabled", "Unsubscribed by the link in an email.")
        assert await state_of(database_url, channel) == off
        assert await state_of(database_url, other) == ("unverified", None)
        assert await mail_about_an_alert(database_url, server, ended=1) is None
        assert len(server.mails) == 1


async def test_unsubscribe_link_is_the_same_in_every_process(database_url: str) -> None:
    await write_channel(database_url, "alice@example.com", kind="email")
    async with mail_server() as server:
        mails = [await mail_about_an_alert(database_url, server, ended=n) for n in (1, 2)]
    first, second = (path_of(mail) for mail in mails if mail is not None)
    assert first == second


async def test_mails_have_no_link_without_a_public_url(database_url: str) -> None:
    await write_channel(database_url, "alice@example.com", kind="email")
    async with mail_server() as server:
        mail = await mail_about_an_alert(database_url, server, ended=1, public_url=None)
    assert mail is not None
    assert not [name for name in mail if name.startswith("List-")]


async def test_forged_links_are_refused_and_limited(database_url: str) -> None:
    channel = await write_channel(database_url, "alice@example.com", kind="email")
    options = ApiOptions(limits=RequestLimits(failures_per_second=1, failures_burst=5))
    async with served_from(database_url, options=options) as api:
        for token in ("", "x", channel[:-1]):
            assert await post(api, f"/unsubscribe?token={token}") == 400
        assert await post(api, "/unsubscribe") == 400
        # The id of a channel is no token.
        statuses = [await post(api, f"/unsubscribe?token={channel}")]
        statuses += [await post(api, f"/unsubscribe?token={uuid4()}") for _ in range(40)]
    assert set(statuses) == {401, 429}
    assert statuses[:5] == [401] * 5
    assert await state_of(database_url, channel) == ("verified", None)


async def test_unsubscribing_keeps_the_reason_of_a_disabled_channel(database_url: str) -> None:
    channel = await write_channel(database_url, "alice@example.com", kind="email", state="disabled")
    await fetch(database_url, "UPDATE notice_channels SET reason = 'It bounced.'")
    [row] = await fetch(database_url, "SELECT unsubscribe_token::text FROM notice_channels")
    async with served_from(database_url) as api:
        assert await post(api, f"/unsubscribe?token={row[0]}") == 200
    assert await state_of(database_url, channel) == ("disabled", "It bounced.")


async def test_unsubscribe_tokens_are_not_logged(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await write_channel(database_url, "alice@example.com", kind="email")
    async with mail_server() as server, served_from(database_url) as api:
        mail = await mail_about_an_alert(database_url, server, ended=1)
        assert mail is not None
        path = path_of(mail)
        await api.ask("GET", path)
        assert await post(api, path) == 200
    token = path.partition("token=")[2]
    ours = [record for record in caplog.records if record.name.startswith(("api", "streams"))]
    assert [record for record in ours if record.name == "api.http.access"]
    assert not [record for record in ours if token in f"{record.getMessage()} {vars(record)}"]


@pytest.mark.parametrize("length", [1, 20, 800])
async def test_long_unsubscribe_link_is_not_folded(database_url: str, length: int) -> None:
    """Python folds long header values into encoded words, which mail programs do not read as links."""
    await write_channel(database_url, "alice@example.com", kind="email")
    public_url = f"{PUBLIC_URL}/{'a' * length}"
    async with mail_server() as server:
        mail = await mail_about_an_alert(database_url, server, ended=1, public_url=public_url)
        [content] = server.contents
    assert mail is not None
    link = f"<{public_url}{path_of(mail, public_url)}>"
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in content
