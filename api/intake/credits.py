"""The events by which administrators grant prepaid credit, and void grants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import UNSET

from api.intake.events import CheckedEvent, EventSender, structured_event
from schemas.cloudevents import RECEIVER
from schemas.credits import GrantRequest, GrantVoidRequest

_SOURCE: Final = "/api/admin/credits"
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def grant_event(body: GrantRequest, sender: EventSender) -> CheckedEvent:
    """Return the `credit.granted` of a body; raises Refused.

    Repeats with the sender's key are the same grant.
    """
    data = {
        "userId": body.user_id,
        "amount": body.amount,
        "expiresAt": body.expires_at,
        "priority": body.priority,
        "note": body.note,
    }
    return _event("credit.granted", "grant", body.user_id, data, sender)


def grant_void_event(body: GrantVoidRequest, sender: EventSender) -> CheckedEvent:
    """Return the `credit.voided` of a body; raises Refused. A grant is voided once."""
    data = {"userId": body.user_id, "voids": body.voids, "reason": body.reason}
    return _event("credit.voided", "void", body.user_id, data, sender)


def _event(
    kind: str, action: str, user_id: str, data: Mapping[str, object], sender: EventSender
) -> CheckedEvent:
    now: datetime = sender.now
    envelope = {
        "specversion": "1.0",
        "id": f"{action}/{sender.key or uuid4()}",
        "source": f"{_SOURCE}/{quote(sender.user_id, safe='')}",
        "type": kind,
        "subject": user_id,
        "time": now,
        "timesource": RECEIVER,
        "data": {name: value for name, value in data.items() if value is not UNSET},
    }
    return structured_event(_encode(envelope), now)
