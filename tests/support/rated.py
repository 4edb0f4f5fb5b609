"""Costs as the stream rates them, and rows of rated costs as one can look at them."""

from collections.abc import Iterable

from ledger.calls.copy_rows import entry_row
from ledger.calls.entries import Entry, cost_entry
from ledger.calls.rating import Incoming, RatedCost, rated_or_original
from ledger.prices.catalogue import Catalogue
from ledger.prices.pricing import price, tariff_of
from schemas.events import CostRecorded


def some_rated(events: Iterable[Incoming], catalogue: Catalogue) -> list[Incoming]:
    """Rate about half of the costs, as the stream would; the others stay whole, as corrections do.

    What becomes of a cost must not depend on it.
    """
    return [
        event
        if isinstance(event, RatedCost) or event.fingerprint % 2
        else rated_or_original(event, catalogue)
        for event in events
    ]


def write_rows(events: Iterable[Incoming]) -> None:
    """Make of rated costs what they are if they are plain, short of parsing.

    A batch that holds one is copied, however few it holds.
    """
    for event in events:
        if isinstance(event, RatedCost) and isinstance(event.row, Entry):
            event.row = entry_row(event.row)


def as_entry(row: Entry | RatedCost) -> Entry:
    """Return a row in the form that has names; of a rated cost, what its bytes were made from."""
    if isinstance(row, Entry):
        return row
    event = row.event()
    assert isinstance(event.data, CostRecorded)
    tariff = tariff_of(row.catalogue, event.data)
    entry = cost_entry(event, event.data, tariff, *price(event.data, tariff, event.time))
    assert row.row in (entry, entry_row(entry))
    assert (entry.cost_nano, entry.time, entry.call_id) == (row.cost_nano, row.time, row.call_id)
    return entry._replace(user_id=row.owner)
