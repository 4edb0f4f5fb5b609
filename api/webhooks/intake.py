"""Makes the events of a delivery, and limits events without a user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from api.http.problems import unavailable
from api.intake.events import CheckedEvent, make_event
from api.webhooks.deliveries import EventDraft, WebhookProvider
from api.webhooks.endpoints import EndpointStore
from schemas.refusals import Refused

HELD_EVENTS_MAX: Final = 100_000
"""With more held events, deliveries without a user are refused, so that vendors retry."""
EVENTS_MAX: Final = 1_000
"""The maximum number of events of a delivery. LiteLLM sends up to 512 payloads at once."""


async def require_room_for_held_events(store: EndpointStore) -> None:
    """Raise the 503 Problem if too many events are held because their user is unknown.

    Raises StoreUnavailableError.
    """
    if await store.count_held_events(HELD_EVENTS_MAX) >= HELD_EVENTS_MAX:
        raise unavailable("Storage for events without a user")


def checked_events(
    provider: WebhookProvider, drafts: Sequence[EventDraft], now: datetime
) -> list[CheckedEvent]:
    """Return the events of drafts; raises Refused, which names the first invalid one."""
    if len(drafts) > EVENTS_MAX:
        raise Refused("too_large", f"The delivery reports more than {EVENTS_MAX} costs.")
    return [_event(provider, draft, now) for draft in drafts]


def _event(provider: WebhookProvider, draft: EventDraft, now: datetime) -> CheckedEvent:
    source = draft.source or provider.source
    try:
        return make_event(draft.type, source, draft.id, draft.time, draft.data, now)
    except Refused as refusal:
        raise Refused(refusal.code, f"{draft.type}: {refusal.message}") from None


def have_user(drafts: Sequence[EventDraft]) -> bool:
    """Return whether an event of each call names its user."""
    calls = {draft.data.get("callId") for draft in drafts}
    owned = {draft.data.get("callId") for draft in drafts if draft.data.get("userId") is not None}
    return calls <= owned
