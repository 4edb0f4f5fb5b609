"""The event by which an administrator gives a call its user."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.json import Encoder

from api.intake.events import CheckedEvent, structured_event
from schemas.cloudevents import RECEIVER

_SOURCE: Final = "/api/admin/held-calls"
_encode: Final = Encoder().encode


def assignment_event(call_id: str, user_id: str, now: datetime) -> CheckedEvent:
    """Return the `call.updated` that names the user; the first one of a call counts.

    Raises Refused for an id that an event cannot have.
    """
    envelope = {
        "specversion": "1.0",
        "id": call_id,
        "source": _SOURCE,
        "type": "call.updated",
        "subject": call_id,
        "time": now,
        "timesource": RECEIVER,
        "data": {"callId": call_id, "userId": user_id},
    }
    return structured_event(_encode(envelope), now)
