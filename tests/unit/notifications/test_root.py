"""Senders are built from the settings."""

import pytest

from cost_analytics.roots.notices import senders_of, smtp_server
from cost_analytics.settings import settings_from
from streams.notifications.email import SmtpServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, "costs@example.org")),
        ("smtp://mail.example:25", SmtpServer("mail.example", 25, "costs@example.org")),
        (
            "smtps://costs%40example.org:p%2Fw@mail.example",
            SmtpServer("mail.example", 465, "costs@example.org", True, "costs@example.org", "p/w"),
        ),
    ],
)
def test_mail_server_follows_the_settings(url: str, expected: SmtpServer) -> None:
    given = {"SMTP_URL": url, "SMTP_FROM": "costs@example.org"}
    assert smtp_server(settings_from(given, "delivery").delivery) == expected


async def test_each_configured_channel_type_has_a_sender() -> None:
    given = {
        "SMTP_URL": "smtp://mail.example",
        "SMTP_FROM": "costs@example.org",
        "SMS_URL": "https://sms.example/",
        "SMS_USERNAME": "AC1",
        "SMS_PASSWORD": "key",
        "SMS_FROM": "+14155550100",
    }
    for values in (given, {}):
        delivery = settings_from(values, "delivery").delivery
        senders = senders_of(delivery)
        assert set(senders) == set(delivery.channel_types())
        for sender in senders.values():
            await sender.close()
