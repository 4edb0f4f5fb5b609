"""Removes personal data of erased users from events that arrive later.

The (source, id) and the fingerprint of an event stay those of the event as sent, so that a repeat
counts once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from ledger.calls.call import Call
from ledger.calls.rating import Incoming, original_event
from ledger.people.erased_users import ErasedUsers
from schemas.events import (
    RESERVED_SOURCES,
    CostRecorded,
    CostVoided,
    CreditGranted,
    CreditVoided,
    Event,
    EventData,
)


def scrub_events(
    events: Sequence[Incoming], calls: Mapping[str, Call], erased: ErasedUsers
) -> list[Incoming]:
    """Return events without personal data of erased users; other events are unchanged.

    An event that names no user is scrubbed if the owner of its call was erased.
    """
    owners = _erased_owners(events, calls, erased)
    return [_scrubbed(event, owners.get(event.call_id), erased) for event in events]


def scrub_held(
    held: Mapping[str, list[Event]],
    events: Sequence[Incoming],
    calls: Mapping[str, Call],
    erased: ErasedUsers,
) -> dict[str, list[Event]]:
    """Return held events by call; those of calls with an erased owner are scrubbed."""
    owners = _erased_owners(events, calls, erased)
    return {
        name: [scrub(event, "", owners[name]) for event in waiting] if name in owners else waiting
        for name, waiting in held.items()
    }


def _erased_owners(
    events: Sequence[Incoming], calls: Mapping[str, Call], erased: ErasedUsers
) -> dict[str, str]:
    """Return the pseudonyms of erased owners, by call."""
    owners: dict[str, str] = {}
    for event in events:
        if event.user_id is not None and (named := erased.pseudonym_of(event.user_id)) is not None:
            owners.setdefault(event.call_id, named)
    for name, call in calls.items():
        if call.user_id is not None and erased.is_pseudonym(call.user_id):
            owners[name] = call.user_id
    return owners


def _scrubbed(event: Incoming, owner: str | None, erased: ErasedUsers) -> Incoming:
    """Return an event, scrubbed if needed; `owner` is the pseudonym of its call's erased owner."""
    if event.user_id is not None:
        pseudonym = erased.pseudonym_of(event.user_id)
        if pseudonym is not None:
            return scrub(original_event(event), event.user_id, pseudonym)
    if owner is not None and event.user_id in (None, owner):
        return scrub(original_event(event), "", owner)
    return event


def scrub(event: Event, identity: str, pseudonym: str) -> Event:
    """Return an event of an erased user without personal data; the ledger's own events have none.

    `identity` is the user's id to replace in texts, empty if it is not known.
    """
    if event.source in RESERVED_SOURCES:
        return event
    data: EventData = msgspec.structs.replace(event.data)
    if data.user_id is not None:
        data.user_id = pseudonym
    if data.tags is not None:
        data.tags = {key: erase_words(tag, identity, pseudonym) for key, tag in data.tags.items()}
    if isinstance(data, CostRecorded):
        data.metadata = msgspec.Raw()
    elif isinstance(data, CostVoided | CreditVoided):
        data.reason = erase_words(data.reason, identity, pseudonym)
    elif isinstance(data, CreditGranted) and data.note is not None:
        data.note = erase_words(data.note, identity, pseudonym)
    for name in ("provider_call_id", "control_url"):
        if getattr(data, name, None) is not None:
            setattr(data, name, None)
    return msgspec.structs.replace(event, data=data)


def erase_words(text: str, identity: str, pseudonym: str) -> str:
    """Replace an identity in free text where it is a whole word, as `erased_words` does in SQL."""
    if not identity or identity not in text:
        return text
    return re.sub(rf"(?<![^\W_]){re.escape(identity)}(?![^\W_])", pseudonym, text)
