"""docs/notifications.md agrees with the code: bodies, limits, delays and states."""

import json
import re
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from ledger.notifications.channels import DELIVERIES_MAX, MESSAGES_PER_HOUR
from ledger.notifications.retry_policy import SCHEDULES
from ledger.notifications.verification_codes import GUESSES_MAX
from schemas import generate
from schemas.jsonio import encode
from schemas.notices import (
    CHANNEL_KINDS,
    CHANNELS_MAX,
    AttemptOutcome,
    ChannelMessage,
    DeliveryState,
    NewChannel,
    WebhookEvent,
)
from tests.support import documented_answers
from tests.support.house import ROOT
from tests.support.notifications import alert

TEXT = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
MADE, LISTED = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))


def assert_valid(name: str, body: object) -> None:
    """Raise ValidationError for a body that does not fit the OpenAPI document."""
    documented_answers.assert_fits(json.dumps(body).encode(), documented_answers.part(name))


def test_documented_bodies_are_those_sent() -> None:
    assert_valid("NewChannelSuccess", MADE)
    assert_valid("DeliveriesSuccess", LISTED)
    assert list(MADE["data"]) == [f.encode_name for f in msgspec.structs.fields(NewChannel)]
    channel = {name: value for name, value in MADE["data"].items() if name != "secret"}
    assert_valid("ChannelsSuccess", {"success": True, "data": {"channels": [channel]}})
    with pytest.raises(ValidationError):
        assert_valid("ChannelsSuccess", {"success": True, "data": {"channels": [{}]}})


def test_request_bodies_are_described() -> None:
    assert_valid("WantedChannel", {"type": "sms", "address": "+14155550123"})
    assert_valid("Proof", {})
    for name, wrong in (
        ("WantedChannel", {"type": "fax", "address": "+1"}),
        ("WantedChannel", {"type": "sms", "address": "+14155550123", "kinds": ["news"]}),
        ("Proof", {"code": 1}),
    ):
        with pytest.raises(ValidationError):
            assert_valid(name, wrong)


def test_webhook_bodies_are_described() -> None:
    message = ChannelMessage(channel_id="c", message="A test.", challenge=None)
    for data in (alert(), message):
        event = WebhookEvent(
            type="x", timestamp=alert().triggered_at, data=msgspec.Raw(encode(data))
        )
        schema = json.loads((generate.FOLDER / "webhook.schema.json").read_text(encoding="utf-8"))
        assert Draft202012Validator(schema).is_valid(json.loads(encode(event)))


def test_documented_limits_and_delays_are_those_of_the_code() -> None:
    words = " ".join(TEXT.split())
    assert f"at most {CHANNELS_MAX} channels" in words
    assert f"{MESSAGES_PER_HOUR} verifications and {MESSAGES_PER_HOUR} tests per hour" in words
    assert GUESSES_MAX == 5
    assert DELIVERIES_MAX == 50
    assert "five attempts" in words
    assert "A page has fifty deliveries" in words
    assert "kept for `RETENTION_NOTIFICATION_DAYS`" in words
    rows: dict[str, Any] = {
        way: ", ".join(["0", *map(_words, schedule.delays_ms)])
        for way, schedule in SCHEDULES.items()
    }
    assert f"| `webhook` | {rows['webhook']} |" in TEXT
    assert rows["email"] == rows["sms"]
    assert f"| `email`, `sms` | {rows['email']} |" in TEXT


def _words(delay_ms: int) -> str:
    seconds = delay_ms // 1_000
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3_600 else f"{seconds // 3_600} h"


def test_every_kind_is_documented() -> None:
    for kind in CHANNEL_KINDS:
        assert f"| `{kind}` | " in TEXT


def test_every_state_and_outcome_is_documented() -> None:
    for name in (*get_args(DeliveryState), *get_args(AttemptOutcome)):
        assert f"| `{name}` | " in TEXT
