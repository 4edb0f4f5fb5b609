"""Finds the targets of voids: recorded costs, archived costs, or costs that will arrive later."""

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
    """Add the targets of voids to `known`; a corrected cost is replaced by its correction."""
    foreign = foreign_voids(voids)
    redirect_voids(foreign, await newest_replacements(connection, _targets(foreign)))
    targets = _targets(voids)
    known.voidable, known.voided = await read_voidable(connection, targets)
    unknown = {call_id for identity, call_id in targets if identity not in known.voidable}
    if unknown:
        known.without_details = await read_calls_without_details(connection, unknown)


def _targets(voids: Sequence[Event]) -> set[tuple[str, str]]:
    """Return the identities that voids name, each with the void's call."""
    return {
        (identity_of(event.data.voids.source, event.data.voids.id), event.data.call_id)
        for event in voids
        if isinstance(event.data, CostVoided)
    }


async def newest_replacements(
    connection: Connection, targets: Collection[tuple[str, str]]
) -> dict[str, str]:
    """Return the id of the newest correction of each corrected cost, by the cost's identity."""
    if not targets:
        return {}
    identities, call_ids = zip(*targets, strict=True)
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
    """Return the voids that are not part of a correction."""
    return [
        event
        for event in events
        if isinstance(event.data, CostVoided) and event.source != RERATE_SOURCE
    ]


def redirect_voids(events: Iterable[Event], newest: Mapping[str, str]) -> None:
    """Let voids of corrected costs name the newest correction, which emitters do not know.

    `newest` is by the identity that a void names.
    """
    for event in events:
        if isinstance(event.data, CostVoided):
            named = event.data.voids
            event_id = newest.get(identity_of(named.source, named.id))
            if event_id is not None:
                event.data.voids = EventReference(RERATE_SOURCE, event_id)
