"""Finds what the voids of a batch name: recorded costs, archived ones, or costs yet to arrive."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.folded import Known
from ledger.rerating import foreign_voids, redirect_voids
from ledger.store.batches import read_calls_without_details, read_voidable
from ledger.store.database import Connection
from ledger.store.rerates import newest_replacements
from schemas.events import CostVoided, Event
from schemas.identity import identity_of


async def resolve_voids(connection: Connection, voids: Sequence[Event], known: Known) -> None:
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
