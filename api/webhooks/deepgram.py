"""Deepgram: the callback of a transcription, whose metadata has the duration of the audio.

Deepgram sends no webhook about usage or cost: the duration is priced by the catalogue.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import datetime
from typing import Final

from msgspec import Struct

from api.webhooks.bodies import body_decoder, read_document, utc
from api.webhooks.calls import reported_call
from api.webhooks.deliveries import DeliveryEvents, SignatureError, WebhookDelivery, WebhookProvider
from api.webhooks.signatures import header, require_match
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number

_NAME: Final = "deepgram"


class _Model(Struct):
    arch: str | None = None
    name: str | None = None


class _Metadata(Struct):
    request_id: str | None = None
    created: datetime | None = None
    duration: Number | None = None
    channels: int | None = None
    models: list[str] = []
    model_info: dict[str, _Model] = {}


class _Body(_Metadata):
    """A pre-recorded transcription, or the last message of a stream: then its own fields count."""

    type: str | None = None
    metadata: _Metadata | None = None


_decode: Final = body_decoder(_Body)


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check the password of the address, or `dg-token`, the identifier of the API key.

    Neither proves the age of a delivery: repeats are recognized by the request's id.
    """
    if "dg-token" in delivery.headers:
        given = header(delivery, "dg-token").encode()
    else:
        scheme, _, credentials = header(delivery, "authorization").partition(" ")
        try:
            decoded = b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if scheme.lower() != "basic" or b":" not in decoded:
            raise SignatureError("The delivery has neither a password nor the header dg-token.")
        given = decoded.partition(b":")[2]
    require_match(given, endpoint.secrets, str.encode)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the cost of a transcription."""
    body = _decode(delivery.body)
    facts = body if body.type == "Metadata" else body.metadata
    if facts is None or facts.duration is None or body.type == "Results":
        return DeliveryEvents([], "The callback has no metadata with the duration of the audio.")
    call = reported_call(read_document(delivery.body), delivery, endpoint, facts.request_id)
    named = [facts.model_info[name] for name in facts.models if name in facts.model_info]
    model = named[0] if named else None
    usage = call.cost(
        "transcription",
        utc(facts.created),
        service=_NAME,
        operation="streaming_stt" if body.type == "Metadata" else "prerecorded_stt",
        model=(model.arch or model.name) if model else None,
        usage=facts.duration * max(facts.channels or 1, 1),
        unit="seconds",
        legId=call.key,
    )
    return DeliveryEvents([usage])


DEEPGRAM: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="query.userId",
    call_path="query.callId",
    generates_secret=True,
)
