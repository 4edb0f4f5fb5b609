"""The events by which administrators grant prepaid credit, and void grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from msgspec import UNSET

from api.intake.events import CheckedEvent, IntakeContext, make_event
from schemas.credits import GrantRequest, GrantVoidRequest

_SOURCE: Final = "/api/admin/credits"


def grant_event(body: GrantRequest, context: IntakeContext) -> CheckedEvent:
    """Return the `credit.granted` of a body; raises Refused.

    Repeats with the same `Idempotency-Key` are one grant.
    """
    data = {
        "userId": body.user_id,
        "amount": body.amount,
        "expiresAt": body.expires_at,
        "priority": body.priority,
        "note": body.note,
    }
    return _event("credit.granted", "grant", data, context)


def grant_void_event(body: GrantVoidRequest, context: IntakeContext) -> CheckedEvent:
    """Return the `credit.voided` of a body; raises Refused. A grant is voided once."""
    data = {"userId": body.user_id, "voids": body.voids, "reason": body.reason}
    return _event("credit.voided", "void", data, context)


def _event(
    event_type: str, action: str, data: Mapping[str, object], context: IntakeContext
) -> CheckedEvent:
    source = f"{_SOURCE}/{quote(context.sender, safe='')}"
    event_id = f"{action}/{context.idempotency_key or uuid4()}"
    given = {name: value for name, value in data.items() if value is not UNSET}
    return make_event(event_type, source, event_id, None, given, context.now)
