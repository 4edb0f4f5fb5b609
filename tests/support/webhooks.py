"""Vendors that sign and send webhooks, with bodies in their documented shapes.

Sources of the shapes: `tests/support/recorded_webhooks/README.md`. Their times are moved to the
last hours, because the ledger refuses old events.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.api import ApiClient, ApiResponse, token

WEBHOOKS = "/api/admin/webhooks"
ROOT = token("root", role="admin")
SECRET = "a secret that the vendor gave"
RECORDED = Path(__file__).parent / "recorded_webhooks"
EPOCH = 1_796_025_600
"""The hour in which the recorded calls take place: 2026-11-30T08:00:00Z."""
HOUR = 3_600
TELNYX_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(SECRET.encode()).digest())


def _moved(text: str) -> str:
    """Return a body with its times moved to the hour before the last one."""
    hour = (int(time.time()) // HOUR - 2) * HOUR
    moved = datetime.fromtimestamp(hour, UTC)
    text = re.sub(r"2026-11-30T08:", f"{moved:%Y-%m-%dT%H:}", text)
    text = re.sub(r"Mon, 30 Nov 2026 08:", f"{moved:%a, %d %b %Y %H:}", text)
    return re.sub(
        r"\b179602(\d{4})(\d{3})?\b",
        lambda match: f"{int(match[0][:10]) - EPOCH + hour}{match[2] or ''}",
        text,
    )


def recorded(name: str) -> Any:
    """Return a recorded body, with exact numbers."""
    return json.loads(_moved((RECORDED / f"{name}.json").read_text()), parse_float=Decimal)


def packed(body: Any) -> bytes:
    """Return JSON as a vendor sends it."""
    return json.dumps(body, default=float).encode()


def form(fields: Mapping[str, str]) -> bytes:
    """Return a form as Twilio sends it."""
    return urlencode(fields, errors="surrogatepass").encode()


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def vapi_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the headers of Vapi's HMAC credential with its default settings."""
    stamp = str(int(at))
    return {"x-timestamp": stamp, "x-signature": _hex(secret, f"{stamp}.".encode() + body)}


def retell_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the header of Retell."""
    stamp = str(int(at * 1000))
    return {"X-Retell-Signature": f"v={stamp},d={_hex(secret, body + stamp.encode())}"}


def elevenlabs_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the header of ElevenLabs."""
    stamp = str(int(at))
    return {"ElevenLabs-Signature": f"t={stamp},v0={_hex(secret, f'{stamp}.'.encode() + body)}"}


def telnyx_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the headers of Telnyx; any other secret than SECRET signs with another key."""
    key = TELNYX_KEY if secret == SECRET else Ed25519PrivateKey.generate()
    stamp = str(int(at))
    signature = base64.b64encode(key.sign(f"{stamp}|".encode() + body)).decode()
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature}


def twilio_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the header of Twilio, for a form or, with `bodySHA256` in the address, for JSON."""
    signed = url
    if "bodySHA256" not in url:
        fields = dict(pair.split("=") for pair in _plain(body).split("&"))
        signed += "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(digest).decode()}


def _plain(body: bytes) -> str:
    from urllib.parse import unquote_plus

    return unquote_plus(body.decode())


def deepgram_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the header of an address with a user and a password."""
    credentials = base64.b64encode(f"costs:{secret}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def bearer_headers(secret: str, body: bytes, at: float, url: str) -> dict[str, str]:
    """Return the header of a service that sends the secret itself."""
    return {"Authorization": f"Bearer {secret}"}


SIGN: Mapping[str, Callable[[str, bytes, float, str], dict[str, str]]] = {
    "vapi": vapi_headers,
    "retell": retell_headers,
    "twilio": twilio_headers,
    "telnyx": telnyx_headers,
    "elevenlabs": elevenlabs_headers,
    "deepgram": deepgram_headers,
    "litellm": bearer_headers,
    "mapped": bearer_headers,
}


async def make_endpoint(api: ApiClient, provider: str, **fields: Any) -> dict[str, Any]:
    """Create an endpoint with SECRET, or the public key of it; returns its item."""
    public = TELNYX_KEY.public_key().public_bytes_raw()
    secret = base64.b64encode(public).decode() if provider == "telnyx" else SECRET
    body = {"provider": provider, "name": f"{provider} account", "secret": secret, **fields}
    made = await api.ask("POST", WEBHOOKS, bearer=ROOT, body=body)
    item: dict[str, Any] = made.data["item"]
    return item


async def deliver(
    api: ApiClient,
    endpoint: Mapping[str, Any],
    body: bytes,
    *,
    query: str = "",
    secret: str = SECRET,
    at: float | None = None,
) -> ApiResponse:
    """Send a signed delivery; `query` begins with a question mark."""
    path = f"{endpoint['path']}{query}"
    url = f"http://127.0.0.1:{api.port}{path}"
    headers = SIGN[endpoint["provider"]](secret, body, time.time() if at is None else at, url)
    kind = "application/json" if body[:1] in {b"{", b"["} else "application/x-www-form-urlencoded"
    return await api.ask("POST", path, headers={"Content-Type": kind, **headers}, body=body)


def json_query(body: bytes, query: str = "?") -> str:
    """Return the query by which Twilio's signature covers JSON."""
    return f"{query}bodySHA256={hashlib.sha256(body).hexdigest()}"
