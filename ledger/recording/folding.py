"""Reads the state that events depend on, and folds them without the identity of erased users."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ledger.calls.batch_changes import BatchChanges, KnownState
from ledger.calls.call import Call
from ledger.calls.fold import fold
from ledger.calls.rating import Incoming, select_credits, select_others, select_voids
from ledger.people.erased_users import ErasedUsers
from ledger.people.scrubbing import scrub_events, scrub_held
from ledger.postgres.database import Connection
from ledger.prices.catalogue import Catalogue
from ledger.recording.batch_rows import read_held
from ledger.recording.stored_legs import read_legs, settling_calls
from ledger.recording.void_targets import resolve_voids


async def read_known(
    connection: Connection,
    calls: Mapping[str, Call],
    events: Sequence[Incoming],
    with_legs: Collection[str],
) -> KnownState:
    """Return the state that the fold depends on; `calls` are the calls of the events.

    `with_legs` are calls whose legs an earlier fold of these events needed.
    """
    known = KnownState(calls)
    holding = [name for name, call in calls.items() if call.held_count]
    if holding:
        known.held = await read_held(connection, holding)
    others = select_others(events)
    voids = select_voids(others)
    if voids:
        await resolve_voids(connection, voids, known)
    settling = settling_calls(calls, others) | set(with_legs)
    if settling:
        await read_legs(connection, settling, known)
    return known


def fold_events(
    events: Mapping[str, Incoming], known: KnownState, catalogue: Catalogue, erased: ErasedUsers
) -> BatchChanges:
    """Fold new events, by identity; refused ones are returned as they arrived."""
    incoming: Sequence[Incoming] = list(events.values())
    if erased:
        known.held = scrub_held(known.held, incoming, known.calls, erased)
        incoming = scrub_events(incoming, known.calls, erased)
    granted = select_credits(incoming)
    if granted:
        incoming = [event for event in incoming if event.call_id]
    changes = fold(incoming, known, catalogue)
    changes.add_credits(granted)
    if erased:
        changes.refused = [(events[event.identity], why) for event, why in changes.refused]
    return changes
