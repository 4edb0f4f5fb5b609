"""Twilio Voice: status callbacks, and the price of a call, which is known later.

When a call ends, its cost is estimated from the catalogue. Twilio's price is in the Call resource,
which the customer fetches and posts as JSON to the same address, signed as Twilio signs JSON. Then
the estimate is voided, and the price counts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from api.webhooks.bodies import body_decoder, utc
from api.webhooks.calls import VendorCall, reported_call
from api.webhooks.deliveries import (
    DeliveryEvents,
    EventDraft,
    SignatureError,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.signatures import header, require_match, require_recent
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number, decimal_from
from schemas.refusals import Refused

_NAME: Final = "twilio"
_FIELDS_MAX: Final = 200
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_ALGORITHM: Final = re.compile(r"(?:^|,)\s*algorithm=(\w+)")
_HASHES: Final[Mapping[str, Callable[..., Any]]] = {
    "HMAC_SHA1": hashlib.sha1,
    "HMAC_SHA256": hashlib.sha256,
}
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_RUNNING: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})
_FAILED: Final = frozenset({"busy", "no-answer", "canceled", "failed"})
_ESTIMATE: Final = "estimate"


class _CallResource(Struct):
    """The fetched Call resource; times are as in emails (RFC 2822)."""

    sid: str
    status: str | None = None
    parent_call_sid: str | None = None
    direction: str | None = None
    to: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration: Number | None = None
    price: Number | None = None
    price_unit: str | None = None


_decode: Final = body_decoder(_CallResource)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check `X-Twilio-Signature` over the address and the form, or the digest of JSON.

    The signature covers the fields in their order, so the form is split before it is checked.
    """
    given = header(delivery, "x-twilio-signature").encode()
    named = _ALGORITHM.search(delivery.headers.get("x-twilio-webhooks-signature-settings", ""))
    make_hash = _HASHES.get(named[1].upper() if named else "HMAC_SHA1")
    if make_hash is None:
        raise SignatureError("The algorithm of the signature is unknown.")
    fields: list[tuple[str, str]] = []
    if (digest := delivery.query.get("bodySHA256")) is not None:
        computed = hashlib.sha256(delivery.body).hexdigest()
        if not hmac.compare_digest(computed, digest.lower().encode("ascii", "replace").decode()):
            raise SignatureError("The body does not have the signed digest.")
    else:
        fields = _form(delivery.body)
    signed = "".join(name + value for name, value in sorted(set(fields)))
    urls = [url for address in delivery.addresses for url in _with_and_without_port(address)]
    attempts = [(secret, f"{url}{signed}".encode()) for secret in endpoint.secrets for url in urls]
    keys = {str(index): attempt for index, attempt in enumerate(attempts)}
    require_match(given, keys, lambda key: _signature(*keys[key], make_hash))
    if (sent := dict(fields).get("Timestamp")) is not None:
        require_recent(_signed_moment(sent), delivery, endpoint.replay_seconds)


def _signature(secret: str, signed: bytes, make_hash: Callable[..., Any]) -> bytes:
    return b64encode(hmac.new(secret.encode(), signed, make_hash).digest())


def _signed_moment(text: str) -> datetime:
    moment = _moment(text)
    if moment is None:
        raise SignatureError("The field Timestamp is not a time.")
    return moment


def _with_and_without_port(address: str) -> Iterator[str]:
    """Yield an address with and without its port: Twilio signs either."""
    yield address
    parts = urlsplit(address)
    host, _, port = parts.netloc.partition(":")
    default = _DEFAULT_PORTS.get(parts.scheme)
    if port:
        yield parts._replace(netloc=host).geturl()
    elif default is not None:
        yield parts._replace(netloc=f"{host}:{default}").geturl()


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise SignatureError("The body is not a form.") from None


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of a status callback or of a Call resource."""
    if "bodySHA256" in delivery.query:
        return _price(delivery, endpoint, _decode(delivery.body))
    fields = dict(_form(delivery.body))
    call = _call(fields, delivery, endpoint, fields.get("CallSid"), fields.get("ParentCallSid"))
    status, at = fields.get("CallStatus", ""), _moment(fields.get("Timestamp"))
    if status in _RUNNING:
        direction = _direction(fields.get("Direction"))
        return DeliveryEvents(call.started(status, at, direction=direction))
    if status in _FAILED:
        return DeliveryEvents([call.ended("end", at, "failed", 0)])
    if status != "completed":
        return DeliveryEvents([], "The callback has no known CallStatus.")
    return DeliveryEvents(_completed(call, fields, at))


def _call(
    document: Any,
    delivery: WebhookDelivery,
    endpoint: WebhookEndpoint,
    sid: str | None,
    parent_sid: str | None,
) -> VendorCall:
    """Return the call of a leg: the one that the delivery names, or the leg's parent."""
    call = reported_call(document, delivery, endpoint, sid)
    return replace(call, call_id=parent_sid) if parent_sid and call.call_id == sid else call


def _completed(
    call: VendorCall, fields: Mapping[str, str], at: datetime | None
) -> list[EventDraft]:
    seconds = _number(fields.get("CallDuration") or "0")
    started = None if at is None else at - timedelta(milliseconds=int(seconds * 1000))
    direction = _direction(fields.get("Direction"))
    usage = _usage(direction, fields.get("To"), seconds, call.key)
    return [
        *call.started("completed", started, direction=direction),
        call.cost(_ESTIMATE, at, estimated=True, **usage),
        call.ended("end", at, "completed", seconds),
    ]


def _price(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint, resource: _CallResource
) -> DeliveryEvents:
    """Return the void of the estimate, and the price."""
    if resource.price is None:
        return DeliveryEvents([], "Twilio does not know the price of the call yet.")
    if (resource.price_unit or "USD").upper() != "USD":
        raise Refused(
            "invalid_event", "`price_unit` must be USD: other currencies are not counted."
        )
    document = {"sid": resource.sid}
    call = _call(document, delivery, endpoint, resource.sid, resource.parent_call_sid)
    at = _moment(resource.end_time or resource.start_time)
    usage = _usage(
        _direction(resource.direction), resource.to, resource.duration or 0, resource.sid
    )
    price = abs(Decimal(resource.price))
    return DeliveryEvents(
        [
            call.void(_ESTIMATE, TWILIO.source, at, "replaced by Twilio's price"),
            call.cost("price", at, totalCost=price, **usage),
        ]
    )


def _usage(direction: str | None, to: str | None, seconds: Number, leg: str) -> dict[str, Any]:
    destination = to if to and _NUMBER.fullmatch(to) and direction != "inbound" else None
    context = {"direction": direction, "destination": destination}
    return {
        "service": _NAME,
        "operation": "inbound_call" if direction == "inbound" else "outbound_call",
        "usage": seconds,
        "unit": "seconds",
        "legId": leg,
        "priceContext": {name: value for name, value in context.items() if value} or None,
    }


def _direction(direction: str | None) -> str | None:
    if direction is None:
        return None
    return "inbound" if direction == "inbound" else "outbound"


def _number(text: str) -> Number:
    try:
        return decimal_from(text)
    except ValueError:
        raise Refused("invalid_event", "`CallDuration` is not a number.") from None


def _moment(text: str | None) -> datetime | None:
    """Parse a time as in emails (RFC 2822); None for another text."""
    if not text:
        return None
    try:
        return utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


TWILIO: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="query.userId",
    call_path="query.callId",
    generates_secret=False,
)
