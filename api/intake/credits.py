"""The events by which administrators grant prepaid credit, and void grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from msgspec import UNSET

from api.intake.events import CheckedEvent, EventSender, make_event
from schemas.credits import GrantRequest, GrantVoidRequest

_SOURCE: Final = "/api/admin/credits"


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
    return _event("credit.granted", "grant", data, sender)


def grant_void_event(body: GrantVoidRequest, sender: EventSender) -> CheckedEvent:
    """Return the `credit.voided` of a body; raises Refused. A grant is voided once."""
    data = {"userId": body.user_id, "voids": body.voids, "reason": body.reason}
    return _event("credit.voided", "void", data, sender)


def _event(kind: str, action: str, data: Mapping[str, object], sender: EventSender) -> CheckedEvent:
    source = f"{_SOURCE}/{quote(sender.user_id, safe='')}"
    given = {name: value for name, value in data.items() if value is not UNSET}
    return make_event(kind, source, f"{action}/{sender.key or uuid4()}", None, given, sender.now)
