"""LiteLLM's generic callback: a list of payloads, one for each request to a model.

LiteLLM discards a batch that is refused, so a payload that cannot be read does not refuse the
others: it is reported, and they count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from api.mapping.errors import DocumentError
from api.mapping.language import DocumentMapping, mapping_from_text
from api.webhooks.deliveries import DeliveryEvents, EventDraft, WebhookDelivery, WebhookProvider
from api.webhooks.mapped import drafts_of, read_documents
from api.webhooks.signatures import require_bearer
from ledger.operations.webhooks import WebhookEndpoint
from schemas.refusals import Refused

_NAME: Final = "litellm"
_SOURCE: Final = f"/api/webhooks/{_NAME}"
_MAPPING: Final[DocumentMapping] = mapping_from_text(
    Path(__file__).with_name("litellm.toml").read_text(encoding="utf-8")
)


def read(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> DeliveryEvents:
    """Return a cost for each successful request; raises Refused if no payload can be read."""
    drafts: list[EventDraft] = []
    errors: list[str] = []
    documents = read_documents(delivery)
    for number, document in enumerate(documents, 1):
        try:
            drafts += drafts_of(_MAPPING, document, _SOURCE, delivery, endpoint)
        except DocumentError as error:
            errors.append(f"Payload {number}: {error}")
    if errors and not drafts:
        raise Refused("invalid_event", errors[0])
    refused = f"{len(errors)} of {len(documents)}. {errors[0]}" if errors else None
    ignored = None if drafts else "No payload is a successful request."
    return DeliveryEvents(drafts, ignored, refused)


LITELLM: Final = WebhookProvider(
    name=_NAME,
    verify=require_bearer,
    read=read,
    user_path="end_user",
    generates_secret=True,
)
