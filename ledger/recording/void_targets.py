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
    """Redirect voids of corrected costs to the newest correction, and add all targets to `known`.

    The redirection changes the events.
    """
    from_emitters = emitter_voids(voids)
    redirect_voids(from_emitters, await newest_replacements(connection, _targets(from_emitters)))
    targets = _targets(voids)  # after the redirection
    known.voidable, known.voided = await read_voidable(connection, targets)
    unknown = {call_id for identity, call_id in targets if identity not in known.voidable}
    if unknown:
        known.calls_without_details = await read_calls_without_details(connection, unknown)


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


def emitter_voids(events: Iterable[Event]) -> list[Event]:
    """Return the voids that are not part of a correction."""
    return [
        event
        for event in events
        if isinstance(event.data, CostVoided) and event.source != RERATE_SOURCE
    ]


def redirect_voids(events: Iterable[Event], newest_ids: Mapping[str, str]) -> None:
    """Let voids of corrected costs name the newest correction, which emitters do not know.

    `newest_ids` maps the identity of a corrected cost to the id of its newest correction.
    """
    for event in events:
        if isinstance(event.data, CostVoided):
            named = event.data.voids
            event_id = newest_ids.get(identity_of(named.source, named.id))
            if event_id is not None:
                event.data.voids = EventReference(RERATE_SOURCE, event_id)
