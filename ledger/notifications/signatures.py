"""Signs webhooks according to Standard Webhooks (https://www.standardwebhooks.com), v1."""

from __future__ import annotations

import base64
import hashlib
import hmac

from schemas.notices import SECRET_PREFIX


def secret_text(secret: bytes) -> str:
    """Return a secret as shown to its owner: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature_headers(
    secret: str, message_id: str, timestamp_seconds: int, body: bytes
) -> dict[str, str]:
    """Return the headers that authenticate a webhook: HMAC-SHA256 of id, timestamp and body.

    `timestamp_seconds` is the time of sending, since 1970; receivers refuse old messages. Raises
    ValueError for an invalid secret.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    signed = f"{message_id}.{timestamp_seconds}.".encode() + body
    mac = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_seconds),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
