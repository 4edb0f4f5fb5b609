"""Verification codes, schedules, signatures and texts of notifications."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ledger.budgets.alert_messages import scope_body
from ledger.budgets.scoped import SpendScope
from ledger.notifications.deliveries import ClaimedDelivery
from ledger.notifications.retry_policy import (
    PAUSE_MS_MAX,
    SCHEDULES,
    DeliveryResult,
    RetrySchedule,
    retry_after_seconds,
    storable_error,
)
from ledger.notifications.signatures import secret_text, signature_headers
from ledger.notifications.verification_codes import digest, matches, new_code, new_secret
from schemas.alerts import AlertType, Driver
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.money import Usd
from schemas.notices import ChannelType, NoticeKind
from streams.notifications.message_templates import TemplateError, notification_of
from tests.support.notifications import TOKEN, alert

NOW = datetime.now(UTC)
FAILED = DeliveryResult("temporary")


def claim(kind: NoticeKind, channel_type: ChannelType, **changes: Any) -> ClaimedDelivery:
    claimed = ClaimedDelivery(
        "9f1f1b64-7c0e-4d63-8f0e-0d7a52a7a0a1", 1, "c", "alice", kind, None, NOW, channel_type,
        "address", "whsec_MTIz", TOKEN, 0, None, "9f1f1b64-7c0e-4d63-8f0e-0d7a52a7a0a2",
    )  # fmt: skip
    return claimed._replace(**changes)


def test_webhook_schedule_follows_the_specification() -> None:
    hours = [delay / 3_600_000 for delay in SCHEDULES["webhook"].delays_ms]
    assert hours == [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    for channel_type in ("email", "sms"):
        total = timedelta(milliseconds=sum(SCHEDULES[channel_type].delays_ms))
        assert total < timedelta(days=1)


@given(st.integers(1, 12), st.integers(0, 20), st.integers(0, 200_000))
def test_delay_is_never_shorter_than_planned_or_requested(
    number: int, failures: int, asked_seconds: int
) -> None:
    schedule = SCHEDULES["webhook"]
    step = schedule.step(number, failures, FAILED._replace(retry_after_seconds=asked_seconds))
    if number >= schedule.attempts_max:
        assert step.delay_ms is None
        return
    planned_ms, asked_ms = schedule.delays_ms[number - 1], min(asked_seconds, 86_400) * 1_000
    assert step.delay_ms is not None
    assert max(planned_ms, asked_ms) <= step.delay_ms <= max(planned_ms * 12 // 10, asked_ms)
    assert asked_ms <= step.pause_ms <= max(PAUSE_MS_MAX, asked_ms)


@pytest.mark.parametrize("verdict", ["permanent", "gone"])
def test_permanent_failures_are_not_retried(verdict: str) -> None:
    assert RetrySchedule((1, 2)).step(1, 0, DeliveryResult(verdict)).delay_ms is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), (" 0 ", 0), (None, None), ("", None), ("-1", None), ("1.5", None), ("²", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("9" * 30, None)],
)  # fmt: skip
def test_retry_after_is_read(header: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(header) == seconds


def test_errors_are_kept_short_in_one_line_and_without_secrets() -> None:
    text = storable_error("a\r\nb\x00 c  token-1 https://h/x", "https://h/x", "token-1", None, "")
    assert text == "a b c … …"
    assert len(storable_error("é" * 1000)) == 500


def test_verification_codes_have_six_digits() -> None:
    codes = {new_code("email") for _ in range(100)}
    assert len(codes) > 90
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(new_code("webhook")) == 32
    kept = digest("012345")
    assert kept != digest("012345")
    assert matches(" 012345 ", kept)
    for wrong in ("12345", "012346", "", "0" * 65, "\uff10\uff112345", "a\0b"):
        assert not matches(wrong, kept)


@given(st.binary(max_size=200), st.integers(0, 2**33))
def test_signatures_are_those_of_the_specification(body: bytes, at_seconds: int) -> None:
    secret = secret_text(new_secret())
    headers = signature_headers(secret, "msg_1", at_seconds, body)
    expected = Webhook(secret).sign(
        "msg_1", datetime.fromtimestamp(at_seconds, UTC), body.decode("latin-1")
    )
    if body.isascii():
        assert headers["webhook-signature"] == expected


def test_receiver_verifies_signatures_and_refuses_forgeries() -> None:
    secret, body = secret_text(new_secret()), b'{"type":"x","amount":0.10}'
    headers = signature_headers(secret, "msg_1", int(datetime.now(UTC).timestamp()), body)
    assert Webhook(secret).verify(body, headers) == {"type": "x", "amount": 0.1}
    for changed in (headers | {"webhook-id": "msg_2"}, headers | {"webhook-timestamp": "1"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    with pytest.raises(ValueError, match="base64"):
        signature_headers("whsec_no base64!", "msg_1", 1, body)


def test_alert_notification_has_text_and_json() -> None:
    raised = alert(threshold_percent=Exact(Decimal("87.5")), type="monthly")
    data = encode(raised).decode()
    sent = notification_of(claim("alert", "webhook", content=data))
    assert sent.subject == "Cost Analytics: You've used 87.5% of your monthly budget"
    assert sent.text == (
        f"{raised.message}\n\n"
        "Charged: $8.50 of $10.00, $1.50 left.\n\n"
        "Cost (what vendors take; not part of this budget): Twilio $5.00.\n"
    )
    body = json.loads(sent.body)
    assert body["type"] == "budget.threshold.reached"
    assert body["data"] == json.loads(data)
    assert notification_of(claim("alert", "webhook", content=data)) == sent


def test_alert_by_cost_mentions_no_charge() -> None:
    raised = alert(basis="cost")
    sent = notification_of(claim("alert", "email", content=encode(raised).decode()))
    assert sent.text == (
        f"{raised.message}\n\nCost: $8.50 of $10.00, $1.50 left.\n\nLargest costs: Twilio $5.00.\n"
    )


@pytest.mark.parametrize(
    ("kind", "percent", "subject"),
    [
        ("daily", 50, "You've used 50% of your daily budget"),
        ("daily", 100, "You've reached your daily budget"),
        ("call", 80, "A call has used 80% of its limit"),
        ("call", 100, "A call reached its limit"),
    ],
)
def test_subject_names_the_limit_and_how_much_is_used(
    kind: AlertType, percent: int, subject: str
) -> None:
    raised = alert(type=kind, threshold_percent=Exact(Decimal(percent)), call_id="call-7")
    sent = notification_of(claim("alert", "email", content=encode(raised).decode()))
    assert sent.subject == f"Cost Analytics: {subject}"
    assert ("Call: call-7" in sent.text) == (kind == "call")


def test_html_is_escaped() -> None:
    raised = alert(message="<script>alert(1)</script> & co")
    sent = notification_of(claim("alert", "email", content=encode(raised).decode()))
    assert "<script>" not in sent.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in sent.html


@pytest.mark.parametrize(
    ("scope", "percent", "subject"),
    [
        (SpendScope("all", ""), 80, "All users have used 80% of their daily budget"),
        (SpendScope("service", "twilio"), 80, "Twilio has used 80% of its daily budget"),
        (SpendScope("service", "twilio"), 100, "Twilio has reached its daily budget"),
    ],
)
def test_alert_of_a_global_budget_names_no_user(
    scope: SpendScope, percent: int, subject: str
) -> None:
    raised = alert(user_id="", scope=scope_body(scope), threshold_percent=Exact(Decimal(percent)))
    delivery = claim("alert", "email", content=encode(raised).decode())
    sent = notification_of(delivery, "https://costs.example")
    assert sent.title == subject
    assert sent.link == "https://costs.example/everyone"


def test_ids_cannot_add_lines_to_a_notification() -> None:
    """An id may contain line breaks, terminal colours and direction marks."""
    name = "call-1\r\n\nYour account is closed.\u2028\x1b[31m\u202e"
    raised = alert(
        message=f"Call {name} cost $3.00.",
        drivers=[Driver(service=name, cost=Usd(1), share_percent=Exact(Decimal(100)))],
    )
    sent = notification_of(claim("alert", "sms", content=encode(raised).decode()))
    assert len(sent.text.splitlines()) == 5
    assert sent.text.startswith("Call call-1 Your account is closed. [31m cost $3.00.\n\n")
    assert all(line.isprintable() for line in (*sent.text.splitlines(), *sent.html.splitlines()))
    assert json.loads(sent.body)["data"]["message"] == raised.message


@pytest.mark.parametrize("channel_type", ["email", "sms"])
def test_verification_message_has_the_code(channel_type: ChannelType) -> None:
    sent = notification_of(claim("verification", channel_type, code="012345"))
    assert "012345" in sent.text
    assert "15 minutes" in sent.text


def test_channel_message_of_a_webhook_has_its_fields() -> None:
    body = json.loads(notification_of(claim("verification", "webhook", code="token")).body)
    assert body["type"] == "channel.verification"
    assert body["data"]["challenge"] == "token"
    assert body["data"]["channelId"] == "c"
    test = json.loads(notification_of(claim("test", "webhook")).body)
    assert (test["type"], test["data"]["challenge"]) == ("channel.test", None)


@pytest.mark.parametrize(
    ("kind", "channel_type", "content"),
    [("alert", "email", "{}"), ("alert", "email", None), ("verification", "sms", None)],
)
def test_delivery_without_content_is_refused(
    kind: NoticeKind, channel_type: ChannelType, content: str | None
) -> None:
    with pytest.raises(TemplateError):
        notification_of(claim(kind, channel_type, content=content))
