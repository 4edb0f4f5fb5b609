"""Vapi: the end-of-call report with its `costs`, and the start of a call.

A cost of 0 is a leg on the customer's own provider keys: Vapi does not charge it, its provider
does, so its quantities are priced by the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from api.webhooks.bodies import body_decoder, read_document, seconds_between, time_from_ms, utc
from api.webhooks.calls import (
    VendorCall,
    disjoint_tokens,
    quantities,
    reported_call,
    usage_fields,
)
from api.webhooks.deliveries import (
    DeliveryEvents,
    EventDraft,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.paths import find
from api.webhooks.signatures import (
    header,
    require_bearer,
    require_hmac,
    require_match,
    require_recent,
    time_from_unix,
)
from ledger.operations.webhooks import WebhookEndpoint
from schemas.events import CONTROL_URL
from schemas.numbers import Number

_NAME: Final = "vapi"
_DIRECTIONS: Final = {"inboundPhoneCall": "inbound", "outboundPhoneCall": "outbound"}
_CARRIERS: Final = frozenset({"twilio", "vonage", "telnyx"})
"""Transports that the carrier charges; web calls have no such charge."""
_RENAMED: Final = {"11labs": "elevenlabs"}
_FAILED: Final = ("error", "failed", "pipeline-")


class _Part(Struct, rename="camel"):
    """The provider of a leg, and its model."""

    provider: str | None = None
    model: str | None = None


class _Cost(Struct, rename="camel"):
    """An item of `costs`; which quantities it has depends on its type."""

    type: str
    cost: Number = 0
    provider: str | None = None
    sub_type: str | None = None
    analysis_type: str | None = None
    transcriber: _Part | None = None
    model: _Part | None = None
    voice: _Part | None = None
    minutes: Number | None = None
    characters: Number | None = None
    prompt_tokens: Number | None = None
    completion_tokens: Number | None = None
    cached_prompt_tokens: Number | None = None
    reasoning_tokens: Number | None = None
    prompt_text_tokens: Number | None = None
    prompt_audio_tokens: Number | None = None
    completion_text_tokens: Number | None = None
    completion_audio_tokens: Number | None = None


class _Monitor(Struct, rename="camel"):
    control_url: str | None = None


class _Call(Struct, rename="camel"):
    id: str
    type: str | None = None
    assistant_id: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    monitor: _Monitor | None = None


class _Message(Struct, rename="camel"):
    type: str
    call: _Call | None = None
    status: str | None = None
    timestamp: Number | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: str | None = None
    costs: list[_Cost] | None = None


class _Body(Struct):
    message: _Message


_decode: Final = body_decoder(_Body)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check the HMAC of a credential, or the secret of a server as header or bearer token."""
    if "x-signature" in delivery.headers:
        timestamp = header(delivery, "x-timestamp")
        given = header(delivery, "x-signature").removeprefix("sha256=")
        require_hmac(given, endpoint, timestamp.encode(), b".", delivery.body)
        require_recent(time_from_unix(timestamp), delivery, endpoint.replay_seconds)
    elif "x-vapi-secret" in delivery.headers:
        require_match(header(delivery, "x-vapi-secret").encode(), endpoint.secrets, str.encode)
    else:
        require_bearer(delivery, endpoint, "The delivery has neither a signature nor the secret.")


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of a message."""
    message = _decode(delivery.body).message
    if message.call is None:
        return DeliveryEvents([], "The message has no call.")
    document = find(read_document(delivery.body), "message")
    call = reported_call(document, delivery, endpoint, message.call.id)
    if message.type == "status-update" and message.status == "in-progress":
        at = utc(message.call.started_at) or time_from_ms(message.timestamp)
        return DeliveryEvents(_started("in-progress", call, message.call, at))
    if message.type != "end-of-call-report":
        return DeliveryEvents([], f"Messages of type {message.type[:50]} have no costs.")
    return DeliveryEvents(_report(call, message, message.call))


def _started(part: str, call: VendorCall, reported: _Call, at: datetime | None) -> list[EventDraft]:
    return call.started(
        part,
        at,
        persona_id=reported.assistant_id,
        direction=_DIRECTIONS.get(reported.type or ""),
        control_url=_control_url(reported),
    )


def _control_url(reported: _Call) -> str | None:
    """Return the address that controls the call, if it is one that an event may have."""
    url = reported.monitor.control_url if reported.monitor else None
    return url if url and re.fullmatch(CONTROL_URL, url) else None


def _report(call: VendorCall, message: _Message, reported: _Call) -> list[EventDraft]:
    ended = utc(message.ended_at or reported.ended_at) or time_from_ms(message.timestamp)
    started = utc(message.started_at or reported.started_at or reported.created_at) or ended
    reason = message.ended_reason or ""
    status = "failed" if any(word in reason for word in _FAILED) else "completed"
    return [
        *_started("report", call, reported, started),
        *_costs(call, message.costs or [], reported.type, ended),
        call.ended("end", ended, status, seconds_between(started, ended)),
    ]


def _costs(
    call: VendorCall, costs: list[_Cost], call_type: str | None, at: datetime | None
) -> Iterator[EventDraft]:
    """Yield an event for each item; its id follows from its kind, not from its position."""
    seen: dict[tuple[str, ...], int] = {}
    for item in sorted(costs, key=repr):
        service, operation, model = _kind(item, call_type)
        usages = _usages(item)
        own_keys = item.cost == 0 and item.type != "vapi" and bool(usages)
        if not usages and item.cost == 0:
            continue
        if own_keys and item.type == "transport" and service not in _CARRIERS:
            continue
        key = (item.type, service, operation, model or "", item.sub_type or "")
        seen[key] = number = seen.get(key, 0) + 1
        yield call.cost(
            f"cost/{'/'.join(key)}/{number}",
            at,
            service=service,
            operation=operation,
            model=model,
            totalCost=None if own_keys else item.cost,
            metadata={"billedBy": "own keys" if own_keys else _NAME},
            **usage_fields(usages),
        )


def _kind(item: _Cost, call_type: str | None) -> tuple[str, str, str | None]:
    """Return the service, the operation and the model of an item."""
    part = item.transcriber or item.model or item.voice or _Part()
    service = (part.provider or item.provider or _NAME)[:60]
    model = part.model and part.model[:80]
    if item.type == "transport":
        inbound = call_type == "inboundPhoneCall"
        return service, "inbound_call" if inbound else "outbound_call", None
    if item.type == "transcriber":
        return _RENAMED.get(service, service), "streaming_stt", model
    if item.type == "voice":
        return _RENAMED.get(service, service), "tts", model
    if item.type in {"model", "knowledge-base", "voicemail-detection", "analysis"}:
        operation = "inference" if item.type == "model" else item.analysis_type or item.type
        return service, operation[:60].replace("-", "_"), model
    return service, item.type[:60].replace("-", "_"), model


def _usages(item: _Cost) -> list[dict[str, Any]]:
    if item.minutes is not None:
        return quantities(minutes=item.minutes)
    if item.characters is not None:
        return quantities(characters=item.characters)
    if item.prompt_text_tokens is not None:
        return quantities(
            input_tokens=item.prompt_text_tokens,
            input_audio_tokens=item.prompt_audio_tokens,
            output_tokens=item.completion_text_tokens,
            output_audio_tokens=item.completion_audio_tokens,
        )
    return disjoint_tokens(
        item.prompt_tokens,
        item.completion_tokens,
        item.cached_prompt_tokens,
        item.reasoning_tokens,
    )


VAPI: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="call.metadata.userId",
    generates_secret=True,
)
