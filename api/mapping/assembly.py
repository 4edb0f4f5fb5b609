"""Makes CloudEvents of mapped events, checked as the worker will check them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from api.intake.events import CheckedEvent, structured_event
from api.mapping.errors import DocumentError
from api.mapping.rules import MappedEvent
from schemas.refusals import Refused

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_NAMED: Final = re.compile(r"`(?:\$\.(?:data\.)?)?([A-Za-z_.]+)[^`]*`|tag `(\w+)`")


def checked_event(
    mapped: MappedEvent, *, source: str, event_id: str, now: datetime
) -> CheckedEvent:
    """Return the event, ready to send; raises DocumentError, which names the pointer of a field."""
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": mapped.type,
        "subject": mapped.data.get("callId"),
        "time": mapped.time,
        "datacontenttype": "application/json",
        "data": mapped.data,
    }
    try:
        return structured_event(_encode(envelope), now)
    except Refused as refusal:
        raise DocumentError(f"{mapped.key}: {refusal.message}{_origin(mapped, refusal)}") from None


def _origin(mapped: MappedEvent, refusal: Refused) -> str:
    """Return where the refused field is from, empty if no single field is refused."""
    for name, tag in _NAMED.findall(refusal.message):
        key = f"tags.{tag}" if tag else {"subject": "callId"}.get(name, name)
        if (origin := mapped.origins.get(key)) is not None:
            return f" It is from {origin}."
        places = sorted(
            {place for field, place in mapped.origins.items() if field.startswith(f"{key}.")}
        )
        if places:
            return f" It is from {', '.join(places)}."
    return ""
