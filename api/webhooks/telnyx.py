"""Telnyx: the events of a call's legs, and `call.cost` with the cost of each product."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from api.webhooks.bodies import body_decoder, read_document, seconds_between, utc
from api.webhooks.calls import VendorCall, reported_call
from api.webhooks.deliveries import (
    DeliveryEvents,
    EventDraft,
    SignatureError,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.ed25519 import is_public_key, verifies
from api.webhooks.paths import find
from api.webhooks.signatures import header, require_recent, time_from_unix
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number
from schemas.refusals import Refused

_NAME: Final = "telnyx"
_STARTS: Final = frozenset({"call.initiated", "call.answered"})
_OF_LEGS: Final = "-cdrs"
"""The end of products of `call.analyzed` that `call.cost` reports for each leg."""
_STATE_BYTES_MAX: Final = 8_192


class _CostPart(Struct):
    call_part: str | None = None
    cost: Number = 0
    currency: str | None = None
    billed_duration_secs: Number | None = None


class _Product(Struct):
    product: str
    cost: Number = 0


class _Analyzed(Struct):
    breakdown: list[_Product] = []
    currency: str | None = None


class _Payload(Struct, frozen=True):
    call_leg_id: str | None = None
    call_session_id: str | None = None
    call_control_id: str | None = None
    direction: str | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    cost_parts: list[_CostPart] | None = None
    total_cost: Number | None = None
    billed_duration_secs: Number | None = None
    cost: _Analyzed | str | None = None


class _Data(Struct):
    event_type: str
    occurred_at: datetime | None = None
    payload: _Payload = _Payload()


class _Body(Struct):
    data: _Data


_decode: Final = body_decoder(_Body)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check the ed25519 signature of the time and the body; secrets are public keys."""
    timestamp = header(delivery, "telnyx-timestamp")
    try:
        signature = b64decode(header(delivery, "telnyx-signature-ed25519"), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("The signature is not base64.") from None
    signed = f"{timestamp}|".encode() + delivery.body
    if True not in [verifies(key, signature, signed) for key in endpoint.secrets]:
        raise SignatureError("The signature is not valid for any key of this endpoint.")
    require_recent(time_from_unix(timestamp), delivery, endpoint.replay_seconds)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of a webhook of Call Control."""
    data = _decode(delivery.body).data
    payload, kind = data.payload, data.event_type
    at = utc(data.occurred_at)
    document = _with_state(find(read_document(delivery.body), "data"))
    key = payload.call_session_id if kind == "call.analyzed" else payload.call_leg_id
    call = reported_call(document, delivery, endpoint, key or payload.call_session_id)
    if call.call_id == call.key and payload.call_session_id:
        # The legs of a transferred call are one call.
        call = replace(call, call_id=payload.call_session_id)
    if kind in _STARTS:
        direction = "inbound" if payload.direction == "incoming" else "outbound"
        started = utc(payload.start_time) or at
        vendor_id = payload.call_control_id
        return DeliveryEvents(call.started(kind, started, direction=direction, vendor_id=vendor_id))
    if kind == "call.hangup":
        ended = utc(payload.end_time) or at
        seconds = seconds_between(utc(payload.start_time), ended)
        return DeliveryEvents([call.ended("end", ended, "completed", seconds)])
    if kind == "call.cost" and payload.status != "error":
        return DeliveryEvents([*_leg_costs(call, payload, at)])
    if kind == "call.analyzed" and isinstance(payload.cost, _Analyzed):
        return DeliveryEvents([*_session_costs(call, payload.cost, at)])
    return DeliveryEvents([], f"Events of type {kind[:50]} have no costs.")


def _leg_costs(call: VendorCall, payload: _Payload, at: datetime | None) -> Iterator[EventDraft]:
    """Yield the cost of each part of a leg; the total, if the parts do not add up to it."""
    parts = payload.cost_parts or []
    total = payload.total_cost
    if total is not None and sum(Decimal(part.cost) for part in parts) != Decimal(total):
        currency = parts[0].currency if parts else None
        parts = [_CostPart("call", total, currency, payload.billed_duration_secs)]
    seen: dict[str, int] = {}
    for part in sorted(parts, key=repr):
        _require_usd(part.currency)
        name = (part.call_part or "call")[:60]
        seen[name] = number = seen.get(name, 0) + 1
        yield call.cost(
            f"cost/{name}/{number}",
            at,
            service=_NAME,
            operation=name,
            usage=part.billed_duration_secs or 0,
            unit="seconds",
            totalCost=part.cost,
            legId=call.key,
        )


def _session_costs(call: VendorCall, cost: _Analyzed, at: datetime | None) -> Iterator[EventDraft]:
    """Yield the products of an AI assistant, without those that each leg reports."""
    _require_usd(cost.currency)
    for item in cost.breakdown:
        if not item.product.endswith(_OF_LEGS):
            yield call.cost(
                f"analyzed/{item.product[:60]}",
                at,
                service=_NAME,
                operation=item.product[:60] or "call",
                usage=1,
                unit="requests",
                totalCost=item.cost,
            )


def _require_usd(currency: str | None) -> None:
    if (currency or "USD").upper() != "USD":
        raise Refused("invalid_event", "`currency` must be USD: other currencies are not counted.")


def _with_state(document: Any) -> Any:
    """Return the data with `payload.client_state` decoded, if it is an object in base64."""
    state = find(document, "payload.client_state")
    if not isinstance(state, str) or len(state) > _STATE_BYTES_MAX:
        return document
    try:
        decoded = read_document(b64decode(state, validate=True))
    except (binascii.Error, ValueError, Refused):
        return document
    return {**document, "payload": {**document["payload"], "client_state": decoded}}


def _key_error(key: str) -> str | None:
    return None if is_public_key(key) else "must be the account's public key, in base64"


TELNYX: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="payload.client_state.userId",
    generates_secret=False,
    check_secret=_key_error,
)
