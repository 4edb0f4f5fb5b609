"""Vendors that sign and send webhooks, with bodies in their documented shapes.

Sources of the shapes: `tests/support/recorded_webhooks/README.md`.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.api import ApiClient, ApiResponse, token

WEBHOOKS = "/api/admin/webhooks"
ROOT = token("root", role="admin")
SECRET = "a secret that the vendor gave"
RECORDED = Path(__file__).parent / "recorded_webhooks"


def recorded(name: str) -> Any:
    """Return a recorded body, with exact numbers."""
    return json.loads((RECORDED / f"{name}.json").read_text(), parse_float=Decimal)


def packed(body: Any) -> bytes:
    """Return JSON as a vendor sends it."""
    return json.dumps(body, default=float).encode()


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def vapi_headers(secret: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """Return the headers of Vapi's HMAC credential with its default settings."""
    stamp = str(int(time.time() if at is None else at))
    return {
        "x-timestamp": stamp,
        "x-signature": _hex(secret, f"{stamp}.".encode() + body),
        "Content-Type": "application/json",
    }


def retell_headers(secret: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """Return the headers of Retell."""
    stamp = str(int((time.time() if at is None else at) * 1000))
    digest = _hex(secret, body + stamp.encode())
    return {"X-Retell-Signature": f"v={stamp},d={digest}", "Content-Type": "application/json"}


SIGN = {"vapi": vapi_headers, "retell": retell_headers}


async def make_endpoint(api: ApiClient, provider: str, **fields: Any) -> dict[str, Any]:
    """Make an endpoint with SECRET; returns its item."""
    body = {"provider": provider, "name": f"{provider} account", "secret": SECRET, **fields}
    made = await api.ask("POST", WEBHOOKS, bearer=ROOT, body=body)
    item: dict[str, Any] = made.data["item"]
    return item


async def deliver(
    api: ApiClient,
    endpoint: Mapping[str, Any],
    body: bytes,
    *,
    secret: str = SECRET,
    at: float | None = None,
) -> ApiResponse:
    """Send a signed delivery."""
    headers = SIGN[endpoint["provider"]](secret, body, at)
    return await api.ask("POST", endpoint["path"], headers=headers, body=body)
