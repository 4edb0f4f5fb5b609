"""Retell AI: start, end and analysis of a call, with its cost in cents.

The cost at the end of a call is an estimate. The cost after the analysis replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct

from api.webhooks.bodies import body_decoder, read_document, time_from_ms
from api.webhooks.calls import VendorCall, reported_call, usd_from_cents
from api.webhooks.deliveries import (
    DeliveryEvents,
    EventDraft,
    SignatureError,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.signatures import header, require_hmac, require_recent, time_from_unix
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number

_NAME: Final = "retell"
_SIGNATURE: Final = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})")
_ESTIMATE: Final = "estimate"


class _ProductCost(Struct):
    product: str
    cost: Number


class _CallCost(Struct):
    combined_cost: Number
    product_costs: list[_ProductCost] = []
    total_duration_seconds: Number | None = None


class _Call(Struct):
    call_id: str
    call_status: str | None = None
    agent_id: str | None = None
    direction: str | None = None
    start_timestamp: Number | None = None
    end_timestamp: Number | None = None
    duration_ms: Number | None = None
    disconnection_reason: str | None = None
    call_cost: _CallCost | None = None


class _Body(Struct):
    event: str
    call: _Call | None = None


_decode: Final = body_decoder(_Body)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check `X-Retell-Signature`: HMAC of the body and the time, in milliseconds."""
    match = _SIGNATURE.fullmatch(header(delivery, "x-retell-signature"))
    if match is None:
        raise SignatureError("X-Retell-Signature does not have the form v=TIME,d=DIGEST.")
    timestamp, digest = match.groups()
    require_hmac(digest, endpoint, delivery.body, timestamp.encode())
    require_recent(time_from_unix(timestamp), delivery, endpoint.replay_seconds)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of `call_started`, `call_ended` and `call_analyzed`."""
    body = _decode(delivery.body)
    reported = body.call
    if reported is None or body.event not in {"call_started", "call_ended", "call_analyzed"}:
        return DeliveryEvents([], f"Events of type {body.event[:50]} have no costs.")
    call = reported_call(read_document(delivery.body), delivery, endpoint, reported.call_id)
    ended = time_from_ms(reported.end_timestamp)
    started = time_from_ms(reported.start_timestamp) or ended
    direction = reported.direction if reported.direction in {"inbound", "outbound"} else None
    drafts = call.started(body.event, started, persona_id=reported.agent_id, direction=direction)
    if body.event != "call_started":
        at = ended or started
        if body.event == "call_analyzed":
            drafts += _final_costs(call, reported.call_cost, at)
        elif reported.call_cost is not None:
            drafts.append(_estimate(call, reported.call_cost, at))
        drafts.append(_end(f"{body.event}/end", call, reported, at))
    return DeliveryEvents(drafts)


def _estimate(call: VendorCall, cost: _CallCost, at: datetime | None) -> EventDraft:
    return call.cost(
        _ESTIMATE,
        at,
        service=_NAME,
        operation="call",
        usage=cost.total_duration_seconds or 0,
        unit="seconds",
        totalCost=usd_from_cents(cost.combined_cost),
        estimated=True,
    )


def _final_costs(
    call: VendorCall, cost: _CallCost | None, at: datetime | None
) -> Iterator[EventDraft]:
    """Yield the void of the estimate, and a cost for each product.

    If the products do not add up to the combined cost, for instance because of a discount, the
    combined cost counts.
    """
    if cost is None:
        return
    yield call.void(_ESTIMATE, RETELL.source, at, "replaced by the cost after the analysis")
    seconds = cost.total_duration_seconds or 0
    products = sorted(cost.product_costs, key=repr)
    if not products or sum(Decimal(item.cost) for item in products) != cost.combined_cost:
        products = [_ProductCost("call", cost.combined_cost)]
    seen: dict[str, int] = {}
    for item in products:
        product = item.product[:40] or "call"
        seen[product] = number = seen.get(product, 0) + 1
        yield call.cost(
            f"cost/{product}/{number}",
            at,
            service=_NAME,
            operation=product,
            usage=seconds,
            unit="seconds",
            totalCost=usd_from_cents(item.cost),
        )


def _end(part: str, call: VendorCall, reported: _Call, at: datetime | None) -> EventDraft:
    status = "failed" if reported.call_status in {"error", "not_connected"} else "completed"
    seconds = Decimal(reported.duration_ms or 0).scaleb(-3)
    return call.ended(part, at, status, seconds)


RETELL: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="call.metadata.userId",
    generates_secret=False,
)
