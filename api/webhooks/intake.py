"""Makes the events of a delivery, and puts them in the stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from api.intake.event_stream import EventStream, OutgoingEvent
from api.intake.events import structured_event
from api.webhooks.deliveries import EventDraft, WebhookProvider
from api.webhooks.endpoints import Endpoints
from schemas.cloudevents import RECEIVER
from schemas.refusals import Refused

HELD_EVENTS_MAX: Final = 100_000
"""With more held events, deliveries without a user are refused, so that vendors retry."""
EVENTS_MAX: Final = 1_000
"""The events of one delivery. LiteLLM sends up to 512 payloads at once."""

_TEXT_MAX: Final = 255
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class HeldEventsLimitError(Exception):
    """Too many events are held because their user is unknown."""


class WebhookIntake:
    """Puts the events of deliveries in the stream, by the same path as those of services."""

    def __init__(self, stream: EventStream, endpoints: Endpoints) -> None:
        self._stream = stream
        self._endpoints = endpoints

    async def put(self, events: Sequence[OutgoingEvent], *, have_user: bool) -> None:
        """Return once the stream has all events durably.

        Raises StreamUnavailableError, StoreUnavailableError and HeldEventsLimitError.
        """
        if not events:
            return
        if not have_user:
            held = await self._endpoints.count_held_events(HELD_EVENTS_MAX)
            if held >= HELD_EVENTS_MAX:
                raise HeldEventsLimitError
        await self._stream.put(events)


def outgoing_events(
    provider: WebhookProvider, drafts: Sequence[EventDraft], now: datetime
) -> list[OutgoingEvent]:
    """Return the events of drafts; raises Refused, which names the first invalid one."""
    if len(drafts) > EVENTS_MAX:
        raise Refused("too_large", f"The delivery reports more than {EVENTS_MAX} costs.")
    return [_event(provider, draft, now) for draft in drafts]


def _event(provider: WebhookProvider, draft: EventDraft, now: datetime) -> OutgoingEvent:
    data = {name: value for name, value in draft.data.items() if value is not None}
    envelope = {
        "specversion": "1.0",
        "id": draft.id if len(draft.id) <= _TEXT_MAX else f"digest/{_digest(draft.id)}",
        "source": draft.source or provider.source,
        "type": draft.type,
        "subject": data.get("callId"),
        "time": now if draft.time is None else draft.time,
        **({"timesource": RECEIVER} if draft.time is None else {}),
        "datacontenttype": "application/json",
        "data": data,
    }
    try:
        return structured_event(_encode(envelope), now).emitted
    except Refused as refusal:
        raise Refused(refusal.code, f"{draft.type}: {refusal.message}") from None


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def have_user(drafts: Sequence[EventDraft]) -> bool:
    """Return whether an event of each call names its user."""
    calls = {draft.data.get("callId") for draft in drafts}
    owned = {draft.data.get("callId") for draft in drafts if draft.data.get("userId") is not None}
    return calls <= owned
