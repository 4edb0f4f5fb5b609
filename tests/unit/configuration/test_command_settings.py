"""Settings of vendors' accounts and of the webhook of commands."""

import base64

import pytest

from cost_analytics.roots.commands import router_of
from cost_analytics.settings import SettingsError, settings_from

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN is not set, but TWILIO_ACCOUNT_SID is."),
        (
            {"LIVEKIT_API_KEY": "k"},
            "LIVEKIT_URL is not set, but LIVEKIT_API_KEY, LIVEKIT_API_SECRET is.",
        ),
        ({"COMMANDS_WEBHOOK_URL": "https://a.example"}, "COMMANDS_WEBHOOK_SECRET is not set"),
        (
            {
                "COMMANDS_WEBHOOK_URL": "https://a.example",
                "COMMANDS_WEBHOOK_SECRET": "whsec_c2hvcnQ=",
            },
            "COMMANDS_WEBHOOK_SECRET must be `whsec_` and the base64 of at least 24 bytes",
        ),
        ({"TELNYX_URL": "http://telnyx.example"}, "TELNYX_URL must be https"),
        ({"VAPI_CONTROL_HOSTS": "https://vapi.ai"}, "VAPI_CONTROL_HOSTS must be names of hosts"),
    ],
)
def test_incomplete_or_unsafe_settings_are_explained(values: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from(values, "commands")
    assert any(error.startswith(words) for error in caught.value.errors), caught.value.errors


def test_each_configured_vendor_is_used() -> None:
    values = {
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "t",
        "TELNYX_API_KEY": "k",
        "RETELL_API_KEY": "k",
        "LIVEKIT_URL": "wss://p.livekit.cloud/",
        "LIVEKIT_API_KEY": "k",
        "LIVEKIT_API_SECRET": "s",
        "COMMANDS_WEBHOOK_URL": "https://a.example",
        "COMMANDS_WEBHOOK_SECRET": SECRET,
    }
    loaded = settings_from(values, "commands")
    assert loaded.commands.livekit_url == "https://p.livekit.cloud"
    assert set(router_of(loaded).targets) == {
        *("vapi", "twilio", "telnyx", "retell", "livekit", "webhook")
    }
    assert router_of(settings_from({}, "commands")).targets == ["vapi"]
