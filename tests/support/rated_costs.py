"""Costs that are rated as the stream does, and their rows in a readable form."""

from collections.abc import Iterable

from ledger.calls.entries import Entry
from ledger.calls.event_rows import EventRow
from ledger.calls.rating import Incoming, RatedCost, rate_if_priced
from ledger.prices.catalogue import Catalogue
from schemas.events import RERATE_SOURCE


def some_rated(events: Iterable[Incoming], catalogue: Catalogue) -> list[Incoming]:
    """Rate about half of the costs, as the stream does; the others stay unrated.

    The result must not depend on it. Corrections do not come from the stream.
    """
    return [
        event
        if isinstance(event, RatedCost) or event.fingerprint % 2 or event.source == RERATE_SOURCE
        else rate_if_priced(event, catalogue)
        for event in events
    ]


def as_entry(row: EventRow) -> Entry:
    """Return a row with named fields; of a rated cost, the one that its bytes were made from."""
    entry = Entry(**row.columns())  # type: ignore[arg-type]
    assert row.copy_cells() == entry.copy_cells()
    assert (entry.cost_nano, entry.time, entry.call_id) == (row.cost_nano, row.time, row.call_id)
    assert entry.owner == row.owner
    return entry
