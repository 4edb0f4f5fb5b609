"""The event by which an administrator names the user of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from api.intake.events import CheckedEvent, make_event

_SOURCE: Final = "/api/admin/held-calls"


def owner_event(call_id: str, user_id: str, now: datetime) -> CheckedEvent:
    """Return the `call.updated` that names the user; the first one of a call counts.

    Raises Refused for an id that an event cannot have.
    """
    data = {"callId": call_id, "userId": user_id}
    return make_event("call.updated", _SOURCE, call_id, None, data, now)
