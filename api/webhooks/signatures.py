"""Checks of signatures, in constant time, and of their age."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from api.webhooks.deliveries import SignatureError, WebhookDelivery
from ledger.operations.webhooks import WebhookEndpoint

_DIGITS: Final = re.compile("[0-9]{1,16}")
_MILLISECONDS_MIN: Final = 10**11
"""Unix times from here on are in milliseconds: as seconds, they are after the year 5000."""
_NO_BEARER: Final = "The delivery has no bearer token."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW_SECONDS: Final = 60
"""How far the vendor's clock may be ahead, at most as far as the replay window."""


def header(delivery: WebhookDelivery, name: str) -> str:
    """Return the only value of a header; raises SignatureError."""
    values = delivery.headers.getall(name, [])
    if len(values) != 1 or not values[0].isascii():
        raise SignatureError(f"The header {name} is missing, repeated or not ASCII.")
    return values[0].strip()


def require_hmac(hex_digest: str, endpoint: WebhookEndpoint, *parts: bytes) -> None:
    """Raise SignatureError unless the digest is the HMAC (SHA-256) of the concatenated parts."""
    signed = b"".join(parts)

    def expected(secret: str) -> bytes:
        return hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()

    require_match(hex_digest.encode(), endpoint.secrets, expected)


def require_bearer(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint, error: str = _NO_BEARER
) -> None:
    """Raise SignatureError unless a secret of the endpoint is the bearer token.

    `error` is the message for a delivery without one.
    """
    scheme, _, token = header(delivery, "authorization").partition(" ")
    if scheme.lower() != "bearer":
        raise SignatureError(error)
    require_match(token.strip().encode(), endpoint.secrets, str.encode)


def require_match(
    given: bytes, secrets: Iterable[str], expected: Callable[[str], bytes | None]
) -> None:
    """Raise SignatureError unless one of the secrets produces `given`.

    Every secret is tried, so the response time reveals nothing about them.
    """
    matches = False
    for secret in secrets:
        signature = expected(secret)
        matches |= signature is not None and hmac.compare_digest(given, signature)
    if not matches:
        raise SignatureError("The signature is not valid for any secret of this endpoint.")


def time_from_unix(unix_time: str) -> datetime:
    """Return a Unix time in seconds or milliseconds; raises SignatureError."""
    if not _DIGITS.fullmatch(unix_time):
        raise SignatureError("The time of the signature is not a Unix time.")
    number = int(unix_time)
    unit = timedelta(milliseconds=1) if number >= _MILLISECONDS_MIN else timedelta(seconds=1)
    try:
        return _EPOCH + number * unit
    except OverflowError:
        raise SignatureError("The time of the signature is out of range.") from None


def require_recent(at: datetime, delivery: WebhookDelivery, replay_seconds: int) -> None:
    """Raise SignatureError for a delivery that was signed too long ago, or in the future."""
    age_seconds = (delivery.received_at - at).total_seconds()
    if age_seconds > replay_seconds:
        raise SignatureError(f"The signature is more than {replay_seconds} s old.")
    if age_seconds < -min(CLOCK_SKEW_SECONDS, replay_seconds):
        raise SignatureError("The signature is from the future. Check the clocks.")
