"""Finds what the voids of a batch name: recorded costs, archived ones, or costs yet to arrive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from ledger.calls.batch_changes import KnownState
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.recording.batch_rows import read_calls_without_details, read_voidable
from schemas.events import RERATE_SOURCE, CostVoided, Event, EventReference
from schemas.identity import identity_of

_SQL: Final = statements("recording/voids")


async def resolve_voids(connection: Connection, voids: Sequence[Event], known: KnownState) -> None:
    """Tell `known` which costs the voids name; a corrected cost is replaced by its correction."""
    foreign = foreign_voids(voids)
    redirect_voids(foreign, await newest_replacements(connection, _targets(foreign)))
    targets = _targets(voids)
    known.voidable, known.voided = await read_voidable(connection, targets)
    unknown = {call_id for identity, call_id in targets if identity not in known.voidable}
    if unknown:
        known.without_details = await read_calls_without_details(connection, unknown)


def _targets(voids: Sequence[Event]) -> set[tuple[str, str]]:
    """Return the identity that each void names, with the void's call."""
    return {
        (identity_of(event.data.voids.source, event.data.voids.id), event.data.call_id)
        for event in voids
        if isinstance(event.data, CostVoided)
    }


async def newest_replacements(
    connection: Connection, places: Collection[tuple[str, str]]
) -> dict[str, str]:
    """Return, by identity, which correcting event stands for a cost, where one was corrected."""
    if not places:
        return {}
    identities, call_ids = zip(*places, strict=True)
    rows = await connection.fetch(
        *_SQL.bind(
            "newest_replacements",
            identities=identities,
            call_ids=call_ids,
            source=RERATE_SOURCE,
        )
    )
    return {row["identity"]: row["event_id"] for row in rows}


def foreign_voids(events: Iterable[Event]) -> list[Event]:
    """Return the voids that do not come from corrections, which know what they void."""
    return [
        event
        for event in events
        if isinstance(event.data, CostVoided) and event.source != RERATE_SOURCE
    ]


def redirect_voids(events: Iterable[Event], newest: Mapping[str, str]) -> None:
    """Let voids of costs that were corrected take back what stands for them now.

    `newest` is by the identity that a void names. An emitter knows nothing of corrections.
    """
    for event in events:
        if isinstance(event.data, CostVoided):
            named = event.data.voids
            event_id = newest.get(identity_of(named.source, named.id))
            if event_id is not None:
                event.data.voids = EventReference(RERATE_SOURCE, event_id)
