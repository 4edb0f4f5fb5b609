"""Webhooks of any service, read by a mapping, and the parts that LiteLLM's webhooks share.

The endpoint's setting `map` is a mapping in JSON, as for `cost-analytics follow`. The source of the
events ends with the mapping's `source`, so equal ids of two services do not collide, and a new
endpoint with the same mapping repeats no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from api.mapping.assembly import checked_event
from api.mapping.errors import DocumentError, MappingError
from api.mapping.language import DocumentMapping, mapping_from_text, read_mapping
from api.mapping.lines import documents_of_body
from api.webhooks.deliveries import (
    DeliveryEvents,
    EndpointSettingsError,
    EventDraft,
    WebhookDelivery,
    WebhookProvider,
)
from api.webhooks.paths import find_identifier
from api.webhooks.signatures import header, require_bearer, require_hmac
from ledger.operations.webhooks import WebhookEndpoint
from schemas.refusals import Refused

_NAME: Final = "mapped"
_SOURCE: Final = f"/api/webhooks/{_NAME}"
_MAP: Final = "map"
_SIGNATURE_HEADER: Final = "signatureHeader"
_HEADER_CHARACTERS_MAX: Final = 100
_CACHED_MAPS: Final = 256
_PREFIX: Final = "sha256="

_encode: Final = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse a wrong mapping, and settings of another name; raises EndpointSettingsError."""
    for name in settings:
        if name not in {_MAP, _SIGNATURE_HEADER}:
            raise EndpointSettingsError(f"`settings.{name[:50]}` is unknown.")
    signature = settings.get(_SIGNATURE_HEADER)
    if signature is not None and not _is_header(signature):
        raise EndpointSettingsError(f"`settings.{_SIGNATURE_HEADER}` must be the name of a header.")
    if settings.get(_MAP) is None:
        raise EndpointSettingsError(f"`settings.{_MAP}` is missing: the mapping of its bodies.")
    try:
        mapping = read_mapping(settings[_MAP], needs_ids=True)
    except MappingError as error:
        raise EndpointSettingsError(f"`settings.{_MAP}`: {error}") from None
    if mapping.source is None or mapping.after is not None:
        raise EndpointSettingsError(f"`settings.{_MAP}` needs `source`, and has no `after`.")


def verify(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    """Check the bearer token, or the HMAC of the body in the header of the settings."""
    name = endpoint.settings.get(_SIGNATURE_HEADER)
    if name is None:
        require_bearer(delivery, endpoint)
        return
    given = header(delivery, name).removeprefix(_PREFIX).lower()
    require_hmac(given, endpoint, delivery.body)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return the events of a body: of one document, or of a list of them, all or none."""
    mapping = _mapping(_encode(endpoint.settings[_MAP]))
    source = f"{_SOURCE}/{(mapping.source or '').strip('/')}"
    drafts: list[EventDraft] = []
    for number, document in enumerate(read_documents(delivery), 1):
        try:
            drafts += drafts_of(mapping, document, source, delivery, endpoint)
        except DocumentError as error:
            raise Refused("invalid_event", f"Document {number}: {error}") from None
    return DeliveryEvents(drafts, None if drafts else "No rule of the mapping matches.")


def read_documents(delivery: WebhookDelivery) -> list[Any]:
    """Return the documents of a body: one, or those of a list; raises Refused."""
    try:
        return documents_of_body(delivery.body)
    except DocumentError as error:
        raise Refused("invalid_json", str(error)) from None


def drafts_of(
    mapping: DocumentMapping,
    document: Any,
    source: str,
    delivery: WebhookDelivery,
    endpoint: WebhookEndpoint,
) -> Iterator[EventDraft]:
    """Yield the events of a document; raises DocumentError, which names the pointer.

    A call at the endpoint's `call_path` replaces the mapped one; a user at its `user_path` is used
    if the mapping names none.
    """
    call_id = find_identifier(document, endpoint.call_path)
    user_id = find_identifier(document, endpoint.user_path)
    for mapped in mapping.events(document):
        data = dict(mapped.data)
        if call_id is not None:
            data["callId"] = call_id
        if user_id is not None:
            data.setdefault("userId", user_id)
        event_id = mapped.id or mapped.key
        event = mapped._replace(data=data)
        checked_event(event, source=source, event_id=event_id, now=delivery.received_at)
        yield EventDraft(mapped.type, event_id, mapped.time, data, source)


@lru_cache(_CACHED_MAPS)
def _mapping(content: bytes) -> DocumentMapping:
    return mapping_from_text(content.decode())


def _is_header(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.replace("-", "").isalnum()
        and len(value) <= _HEADER_CHARACTERS_MAX
    )


MAPPED: Final = WebhookProvider(
    name=_NAME,
    verify=verify,
    read=read,
    user_path="userId",
    generates_secret=True,
    check_settings=check_settings,
)
