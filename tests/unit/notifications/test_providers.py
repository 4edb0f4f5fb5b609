"""SMS and email senders against providers and servers that misbehave."""

import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from streams.notifications.email import EmailSender, SmtpServer, message_of
from streams.notifications.sms import SmsProvider, SmsSender
from tests.support.certificates import certificate
from tests.support.notifications import ID, SHORT_MS, notice
from tests.support.receivers import Action, MailServer, ScriptedResponse, mail_server, receiver

PROVIDER_ANSWERS = [
    (ScriptedResponse(201, body=b'{"sid": "SM1"}'), "delivered"),
    (ScriptedResponse(400, body=b'{"code": 21211, "message": "Invalid"}'), "gone"),
    (ScriptedResponse(400, body=b'{"code": 21610, "message": "Unsubscribed"}'), "gone"),
    (ScriptedResponse(400, body=b'{"code": 21408, "message": "Region"}'), "permanent"),
    (ScriptedResponse(401, body=b'{"code": 20003, "message": "Authenticate"}'), "temporary"),
    (ScriptedResponse(404, body=b"<html>"), "permanent"),
    (ScriptedResponse(429, {"Retry-After": "3"}, b'{"code": 20429}'), "temporary"),
    (ScriptedResponse(500, body=b"x" * 100_000), "temporary"),
    (ScriptedResponse(503, body=b'{"code": "text"}'), "temporary"),
    (ScriptedResponse(307, {"Location": "http://127.0.0.1:1/"}), "temporary"),
    ("hang", "temporary"),
    ("close", "temporary"),
]


@pytest.mark.parametrize(("act", "verdict"), PROVIDER_ANSWERS)
async def test_answer_of_an_sms_provider_decides_the_result(act: Action, verdict: str) -> None:
    async with receiver(act) as provider:
        account = SmsProvider(provider.url, "AC1", "a secret key", "+14155550100")
        sender = SmsSender(account, timeout_ms=SHORT_MS)
        result = await sender.send(notice("+14155550123"))
        await sender.close()
    assert result.verdict == verdict
    assert provider.connections == 1
    [request] = provider.requests
    assert request.form == {"To": "+14155550123", "From": "+14155550100", "Body": "Some text, é"}
    assert request.headers["authorization"] == "Basic QUMxOmEgc2VjcmV0IGtleQ=="
    assert request.headers["idempotency-key"] == ID
    assert result.retry_after_seconds == (3 if act == PROVIDER_ANSWERS[6][0] else None)
    assert "secret" not in repr(account)


async def test_messaging_service_chooses_the_number() -> None:
    async with receiver(ScriptedResponse(201)) as provider:
        sender = SmsSender(SmsProvider(provider.url, "AC1", "key", "MG1"))
        await sender.send(notice("+14155550123", text="x" * 1000))
        await sender.close()
    form = provider.requests[0].form
    assert form["MessagingServiceSid"] == "MG1"
    assert "From" not in form
    assert len(form["Body"]) == 480


def smtp(server: MailServer, **changes: object) -> EmailSender:
    options = {"host": "127.0.0.1", "port": server.port, "sender": "costs@example.org", **changes}
    return EmailSender(SmtpServer(**options), timeout_ms=SHORT_MS * 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "verdict", "status"),
    [
        ("250 Taken as 1", "delivered", "Taken as 1"),
        ("451 Try later", "temporary", "451"),
        ("554 Not wanted", "permanent", "554"),
        ("close", "temporary", None),
    ],
)
async def test_answer_of_a_mail_server_decides_the_result(
    reply: str, verdict: str, status: str | None
) -> None:
    async with mail_server(reply) as server:
        result = await smtp(server).send(notice("alice@example.com"))
    assert (result.verdict, result.status) == (verdict, status)


@pytest.mark.parametrize(
    ("reply", "verdict"), [("550 Unknown", "permanent"), ("450 Grey", "temporary")]
)
async def test_answer_about_a_recipient_decides_the_result(reply: str, verdict: str) -> None:
    async with mail_server(recipient_replies=[reply]) as server:
        result = await smtp(server).send(notice("alice@example.com"))
    assert result.verdict == verdict
    assert result.status == reply[:3]
    assert "alice" not in (result.error or "")


async def test_mail_is_complete_and_the_same_on_each_attempt() -> None:
    sent = notice("alice@example.com")
    async with mail_server() as server:
        for _ in range(2):
            assert (await smtp(server).send(sent)).verdict == "delivered"
    first, again = server.mails
    assert first["Message-ID"] == again["Message-ID"] == f"<{ID}@example.org>"
    assert first["Date"] == again["Date"]
    assert first["Auto-Submitted"] == "auto-generated"
    plain, html = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert plain.get_content().strip() == "Some text, é"
    assert html is not None
    assert "<p>" in html.get_content()


def test_mail_headers_cannot_be_injected() -> None:
    with pytest.raises(ValueError, match=r".+"):
        message_of(notice("alice@example.com\r\nBcc: bob@example.com"), "costs@example.org")


async def test_unreachable_mail_server_is_a_temporary_error() -> None:
    sender = EmailSender(SmtpServer("127.0.0.1", 1, "costs@example.org"))
    assert (await sender.send(notice("alice@example.com"))).verdict == "temporary"
    await sender.close()


async def test_password_is_sent_over_tls_only(tmp_path: Path) -> None:
    given: list[object] = []

    def authenticate(*arguments: object) -> AuthResult:
        given.append(arguments[-1])
        return AuthResult(success=len(given) == 1, handled=False)

    serving, trusted = certificate(tmp_path)
    account = {"username": "costs", "password": "hush", "trusted": trusted, "host": "localhost"}
    async with mail_server(authenticator=authenticate) as plain:
        result = await smtp(plain, **account).send(notice("alice@example.com"))
        assert result.verdict == "temporary"
        assert not given
    async with mail_server(authenticator=authenticate, tls_context=serving) as server:
        assert (
            await smtp(server, **account).send(notice("alice@example.com"))
        ).verdict == "delivered"
        wrong = await smtp(server, **account).send(notice("alice@example.com"))
        assert (wrong.verdict, wrong.status) == ("temporary", "535")
        untrusting = account | {"trusted": ssl.create_default_context()}
        refused = await smtp(server, **untrusting).send(notice("alice@example.com"))
        assert refused.verdict == "temporary"
    assert len(given) >= 2
    assert "hush" not in repr(SmtpServer("h", 1, "s@example.org", password="hush"))
