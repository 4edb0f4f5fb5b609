"""No body of a vendor, however broken, leads to another error than a refusal."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from api.webhooks.deliveries import SignatureError, WebhookDelivery
from api.webhooks.intake import checked_events
from api.webhooks.paths import find, find_identifier, path_error
from api.webhooks.providers import PROVIDERS
from ledger.operations.webhooks import WebhookEndpoint
from schemas.refusals import Refused
from tests.support.webhooks import RECORDED, form, recorded

NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))
NOW = datetime.now(UTC)
SETTINGS: dict[str, dict[str, Any]] = {
    "mapped": {
        "map": {
            "source": "/shop",
            "event": [
                {
                    "type": "call.refunded",
                    "id": "/id",
                    "time": "/at",
                    "callId": "/call",
                    "amount": "/usd",
                }
            ],
        }
    }
}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.sampled_from(["", "-1", "1e999", "9" * 400, "2026-13-45T99:00:00Z", "0001-01-01T00:00:00Z",
                     "a\0b", "CA1", "\ud800"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def read(name: str, body: bytes, query: dict[str, str]) -> bool:
    """Read a verified body, as the route does; returns whether it was read or refused."""
    provider = PROVIDERS[name]
    delivery = WebhookDelivery(CIMultiDict(), query, ("https://costs.example",), body, NOW)
    endpoint = WebhookEndpoint(
        "e" * 32,
        name,
        provider.user_path,
        provider.call_path,
        300,
        SETTINGS.get(name, {}),
        ("secret",),
    )
    try:
        reading = provider.read(delivery, endpoint)
        checked_events(provider, reading.drafts, NOW)
    except Refused as refusal:
        return bool(refusal.message)
    except SignatureError:
        return name == "twilio"  # a form is split before its signature is checked
    return True


def changed(body: Any, draw: Any) -> Any:
    """Return a body of which some values are replaced."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if isinstance(body, dict):
        return {
            key: changed(value, draw) for key, value in body.items() if draw(st.integers(0, 19))
        }
    if isinstance(body, list):
        return [changed(value, draw) for value in body]
    return body


def packed(body: Any) -> bytes:
    return json.dumps(body, default=float).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)  # a busy machine pauses for longer
@given(data=st.data())
def test_changed_bodies_are_read_or_refused(name: str, data: st.DataObject) -> None:
    provider = name.partition("-")[0]
    body = changed(recorded(name), data.draw)
    if name == "twilio-completed":
        fields = body if isinstance(body, dict) else {"CallSid": str(body)}
        assert read(provider, form({key: str(value) for key, value in fields.items()}), {})
    else:
        query = {"bodySHA256": ""} if name == "twilio-call-resource" else {}
        assert read(provider, packed(body), query)


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(deadline=None)
@given(body=st.binary(max_size=200) | VALUES.map(packed))
def test_any_body_is_read_or_refused(provider: str, body: bytes) -> None:
    assert read(provider, body, {})
    assert read(provider, body, {"bodySHA256": ""})


HEADERS = ("x-signature", "x-timestamp", "x-vapi-secret", "authorization", "x-retell-signature",
           "x-twilio-signature", "x-twilio-webhooks-signature-settings", "telnyx-timestamp",
           "telnyx-signature-ed25519", "elevenlabs-signature", "dg-token")  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\udcff", "9999999999999999", "0", "v=9999999999999999,d=" + "0" * 64,
                     "t=9999999999999999,v0=" + "0" * 64, "Basic Og==", "Bearer x", "algorithm=X"]),
)  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(deadline=None)
@given(
    headers=st.dictionaries(st.sampled_from(HEADERS), TEXTS),
    body=st.binary(max_size=50),
    digest=st.none() | TEXTS,
)
def test_random_headers_are_no_valid_signature(
    provider: str, headers: dict[str, str], body: bytes, digest: str | None
) -> None:
    query = {} if digest is None else {"bodySHA256": digest}
    delivery = WebhookDelivery(CIMultiDict(headers), query, ("https://costs.example/x",), body, NOW)
    for secrets in ((), ("a long secret",)):
        endpoint = WebhookEndpoint("e" * 32, provider, "a", None, 300, {}, secrets)
        with pytest.raises(SignatureError):
            PROVIDERS[provider].verify(delivery, endpoint)


@settings(deadline=None)
@given(path=st.text(max_size=40), document=VALUES)
def test_paths_find_values_or_nothing(path: str, document: Any) -> None:
    find(document, path)
    found = find_identifier(document, path)
    assert found is None or 1 <= len(found) <= 255


def test_paths_have_points_or_are_pointers() -> None:
    document = {"a": {"b.c": [{"d": 7}], "e/f": "x"}}
    assert find_identifier(document, "/a/b.c/0/d") == "7"
    assert find_identifier(document, "/a/e~1f") == "x"
    assert find({"a": [1, 2]}, "a.1") == 2
    assert find_identifier({"a": ""}, "a") is None
    assert path_error("call.metadata.userId") is None
    assert path_error("call..userId") is not None
