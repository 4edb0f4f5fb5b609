"""ElevenLabs Agents: the webhook after a call, with its cost in US dollars or credits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from api.webhooks.bodies import body_decoder, read_document, time_from_ms
from api.webhooks.calls import VendorCall, reported_call
from api.webhooks.deliveries import (
    DeliveryEvents,
    EndpointSettingsError,
    EventDraft,
    SignatureError,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.paths import find
from api.webhooks.signatures import header, require_hmac, require_recent, time_from_unix
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number, number_from

_NAME: Final = "elevenlabs"
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,16}),v0=([0-9a-f]{64})")
_CREDIT_PRICE: Final = "usdPerCredit"


class _Charging(Struct):
    llm_price: Number | None = None
    platform_price: Number | None = None


class _PhoneCall(Struct):
    direction: str | None = None


class _Metadata(Struct, frozen=True):
    start_time_unix_secs: Number | None = None
    call_duration_secs: Number | None = None
    cost: Number | None = None
    cost_fiat: Number | None = None
    charging: _Charging | None = None
    phone_call: _PhoneCall | None = None


class _Conversation(Struct, frozen=True):
    conversation_id: str | None = None
    agent_id: str | None = None
    status: str | None = None
    metadata: _Metadata = _Metadata()


class _Body(Struct):
    type: str
    data: _Conversation = _Conversation()


_decode: Final = body_decoder(_Body)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check `ElevenLabs-Signature`: HMAC of the time, in seconds, and the body."""
    match = _SIGNATURE.fullmatch(header(delivery, "elevenlabs-signature"))
    if match is None:
        raise SignatureError("ElevenLabs-Signature does not have the form t=TIME,v0=DIGEST.")
    timestamp, digest = match.groups()
    require_hmac(digest, endpoint, timestamp.encode(), b".", delivery.body)
    require_recent(time_from_unix(timestamp), delivery, endpoint.replay_seconds)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of `post_call_transcription`."""
    body = _decode(delivery.body)
    if body.type != "post_call_transcription":
        return DeliveryEvents([], f"Webhooks of type {body.type[:50]} have no costs.")
    conversation = body.data
    facts = conversation.metadata
    document = find(read_document(delivery.body), "data")
    call = reported_call(document, delivery, endpoint, conversation.conversation_id)
    started = time_from_ms(_ms(facts.start_time_unix_secs))
    seconds = facts.call_duration_secs or 0
    ended = time_from_ms(_ms((facts.start_time_unix_secs or 0) + seconds)) if started else None
    direction = facts.phone_call.direction if facts.phone_call else None
    return DeliveryEvents(
        [
            *call.started(
                "start",
                started,
                persona_id=conversation.agent_id,
                direction=direction if direction in {"inbound", "outbound"} else None,
            ),
            *_costs(call, facts, ended, endpoint.settings),
            call.ended(
                "end", ended, "failed" if conversation.status == "failed" else "completed", seconds
            ),
        ]
    )


def _ms(seconds: Number | None) -> Number | None:
    return None if seconds is None else seconds * 1000


def _costs(
    call: VendorCall, facts: _Metadata, at: datetime | None, settings: Mapping[str, Any]
) -> Iterator[EventDraft]:
    """Yield the cost of the models and of the platform in US dollars; else that of the credits."""
    seconds = {"usage": facts.call_duration_secs or 0, "unit": "seconds", "service": _NAME}
    if facts.cost_fiat is not None:
        models = facts.charging.llm_price if facts.charging else None
        if models and models <= facts.cost_fiat:
            rest = Decimal(facts.cost_fiat) - Decimal(models)
            yield call.cost("cost/llm", at, operation="agent_llm", totalCost=models, **seconds)
            yield call.cost("cost/platform", at, operation="agent", totalCost=rest, **seconds)
        else:
            yield call.cost(
                "cost/total", at, operation="agent", totalCost=facts.cost_fiat, **seconds
            )
    elif facts.cost:
        per_credit = settings.get(_CREDIT_PRICE)
        price = None if per_credit is None else Decimal(str(per_credit)) * Decimal(facts.cost)
        used = {"usage": facts.cost, "unit": "credits", "service": _NAME}
        yield call.cost("cost/credits", at, operation="agent", totalCost=price, **used)


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings other than the price of a credit."""
    for name, value in settings.items():
        if name != _CREDIT_PRICE:
            raise EndpointSettingsError(
                f"`settings.{name[:50]}` is unknown; the provider has `{_CREDIT_PRICE}`."
            )
        try:
            is_price = isinstance(value, str) and 0 <= number_from(value) <= 1
        except (ValueError, ArithmeticError):
            is_price = False
        if not is_price:
            raise EndpointSettingsError(
                f'`settings.{_CREDIT_PRICE}` must be a text such as "0.0001": 0 to 1 US dollar.'
            )


ELEVENLABS: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="conversation_initiation_client_data.dynamic_variables.userId",
    generates_secret=False,
    check_settings=_check_settings,
)
