"""The call of a delivery, and drafts of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from api.http.identifiers import is_identifier
from api.webhooks.deliveries import EventDraft, WebhookDelivery
from api.webhooks.paths import find_identifier
from ledger.operations.webhooks import WebhookEndpoint
from schemas.numbers import Number
from schemas.refusals import Refused

QUERY: Final = "query."
"""The prefix of a path that names a query parameter of the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCall:
    """A call as a vendor reports it.

    `key` is the vendor's id of the call, which begins the ids of all its events. `call_id` is our
    id. `user_id` is None if the delivery does not name a user: then its events are held.
    """

    key: str
    call_id: str
    user_id: str | None
    provider: str

    def draft(self, event_type: str, part: str, at: datetime | None, **data: Any) -> EventDraft:
        """Return an event of the call; `part` distinguishes it from others of the same call."""
        owner = {"callId": self.call_id, "userId": self.user_id}
        return EventDraft(event_type, f"{self.key}/{part}", at, {**owner, **data})

    def started(
        self,
        part: str,
        at: datetime | None,
        *,
        persona_id: str | None = None,
        direction: str | None = None,
        control_url: str | None = None,
        vendor_id: str | None = None,
    ) -> list[EventDraft]:
        """Return the start of the call and its vendor; without a user only the vendor.

        `vendor_id` is the id by which the vendor controls the call, if it is not its `key`. Each
        kind of delivery has its own `part`: their contents differ, and the earliest counts.
        """
        vendor = {
            "provider": self.provider,
            "providerCallId": vendor_id or self.key,
            "controlUrl": control_url,
        }
        update = self.draft("call.updated", f"{part}/vendor", at, **vendor)
        if self.user_id is None:
            return [update]
        persona = persona_id if persona_id and is_identifier(persona_id) else self.provider
        start = self.draft("call.started", part, at, personaId=persona, direction=direction)
        return [start, update]

    def cost(self, part: str, at: datetime | None, **data: Any) -> EventDraft:
        """Return a cost of the call."""
        return self.draft("cost.recorded", part, at, **data)

    def void(self, part: str, source: str, at: datetime | None, reason: str) -> EventDraft:
        """Return the void of a cost of the call."""
        voids = {"source": source, "id": f"{self.key}/{part}"}
        return self.draft("cost.voided", f"{part}/void", at, voids=voids, reason=reason)

    def ended(self, part: str, at: datetime | None, status: str, seconds: Number) -> EventDraft:
        """Return the end of the call."""
        return self.draft("call.ended", part, at, status=status, duration_seconds=seconds)


def reported_call(
    document: Any, delivery: WebhookDelivery, endpoint: WebhookEndpoint, key: str | None
) -> VendorCall:
    """Return the call of a delivery with the vendor's id `key`; raises Refused without one."""
    if key is None or not is_identifier(key) or len(key) > 180:
        raise Refused("invalid_event", "The body has no id of the call of 1 to 180 characters.")
    return VendorCall(
        key=key,
        call_id=_identifier(document, delivery, endpoint.call_path) or key,
        user_id=_identifier(document, delivery, endpoint.user_path),
        provider=endpoint.provider,
    )


def _identifier(document: Any, delivery: WebhookDelivery, path: str | None) -> str | None:
    if path is not None and path.startswith(QUERY):
        return find_identifier(dict(delivery.query), path.removeprefix(QUERY))
    return find_identifier(document, path)


def quantities(**amounts: Number | None) -> list[dict[str, Any]]:
    """Return the quantities above zero, by unit, as `usages`."""
    return [{"unit": unit, "quantity": amount} for unit, amount in amounts.items() if amount]


def disjoint_tokens(
    prompt: Number | None,
    completion: Number | None,
    cached: Number | None = None,
    reasoning: Number | None = None,
) -> list[dict[str, Any]]:
    """Split counts that include a part: cached tokens in the prompt, reasoning in the reply.

    If a part is larger than its whole, the vendor does not include it, and it is ignored.
    """
    whole_prompt, whole_reply = prompt or 0, completion or 0
    of_prompt = cached if cached and cached <= whole_prompt else 0
    of_reply = reasoning if reasoning and reasoning <= whole_reply else 0
    return quantities(
        input_tokens=whole_prompt - of_prompt,
        cached_input_tokens=of_prompt,
        output_tokens=whole_reply - of_reply,
        reasoning_tokens=of_reply,
    )


def usage_fields(usages: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Return the fields of quantities, or of one request if there are none."""
    if not usages:
        return {"usage": 1, "unit": "requests"}
    if len(usages) == 1:
        return {"usage": usages[0]["quantity"], "unit": usages[0]["unit"]}
    return {"usages": usages}


def usd_from_cents(cents: Number) -> Decimal:
    """Return US dollars, exactly."""
    return Decimal(cents).scaleb(-2)
