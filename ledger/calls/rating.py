"""Rates recorded costs as soon as they are decoded: finds their price and makes their row.

This depends only on the catalogue, not on the ledger's state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from sys import intern
from typing import ClassVar, Final

import msgspec

from ledger.calls.entries import Entry, cost_entry
from ledger.calls.periods import Day, day_of
from ledger.prices.catalogue import Catalogue
from ledger.prices.list_costs import list_cost_nano
from ledger.prices.pricing import price, tariff_of
from ledger.prices.usages import pack_usages, price_request
from schemas.cloudevents import Window, decode
from schemas.events import CostRecorded, Event, EventReference
from schemas.refusals import Refused

_ANY_TIME: Final = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class RatedCost(msgspec.Struct, gc=False):
    """A recorded cost with its price in nano-dollars, by one catalogue: an `EventRow`.

    `user_id` is the user of the event; `owner`, set by the fold, is the owner of its call.
    `original` is the event or its bytes, which are decoded when other fields are needed.
    """

    type: ClassVar = "cost.recorded"
    amount_nano: ClassVar = 0
    in_leg: ClassVar = False
    """Whether its kind of usage has a price with billing increments."""

    identity: str
    fingerprint: int
    call_id: str
    user_id: str | None
    persona_id: str | None
    service: str
    time: datetime
    day: Day
    cost_nano: int
    estimated: bool
    catalogue: Catalogue
    original: Event | bytes
    owner: str
    tags: dict[str, str] | None

    def event(self) -> Event:
        """Return the whole event."""
        original = self.original
        return original if isinstance(original, Event) else decode(original, (), _ANY_TIME)

    @property
    def is_unpriced(self) -> bool:
        return False

    def reference(self) -> EventReference:
        event = self.event()
        return EventReference(event.source, event.id)

    def copy_cells(self) -> bytes:
        raise NotImplementedError

    def columns(self) -> dict[str, object]:
        raise NotImplementedError


class DetailedCost(RatedCost, gc=False):
    """A cost with the columns of its row, except for the owner."""

    entry: Entry

    @property
    def is_unpriced(self) -> bool:
        return self.entry.is_unpriced

    def copy_cells(self) -> bytes:
        return self.entry.copy_cells()

    def columns(self) -> dict[str, object]:
        return self.entry._asdict() | {"user_id": self.owner}


class LegCost(DetailedCost, gc=False):
    """A cost whose kind of usage has a price with billing increments, see `ledger.calls.legs`."""

    in_leg: ClassVar = True


class FastPathCost(RatedCost, gc=False):
    """A cost whose row was encoded by the fast path."""

    cells: bytes

    def copy_cells(self) -> bytes:
        return self.cells

    def columns(self) -> dict[str, object]:
        event = self.event()
        if not isinstance(event.data, CostRecorded):
            raise TypeError("the original of a rated cost is another event")
        return rate(event, event.data, self.catalogue).columns() | {"user_id": self.owner}


Incoming = Event | RatedCost
"""An event of a batch: a rated cost, or any other event as decoded."""


def rate(
    event: Event, data: CostRecorded, catalogue: Catalogue, original: bytes | None = None
) -> DetailedCost:
    """Rate a recorded cost that was decoded from `original`; raises `Refused` as `price` does."""
    entry, in_leg = _priced_entry(event, data, catalogue)
    make = LegCost if in_leg else DetailedCost
    return make(
        event.identity,
        event.fingerprint,
        intern(data.call_id),
        data.user_id,
        data.persona_id,
        intern(data.service),
        event.time,
        day_of(event.time),
        entry.cost_nano,
        data.estimated,
        catalogue,
        event if original is None else original,
        "",
        data.tags,
        entry,
    )


def _priced_entry(event: Event, data: CostRecorded, catalogue: Catalogue) -> tuple[Entry, bool]:
    """Return the row of a cost, and whether it is a part of a leg."""
    if data.usages is not None:
        request = price_request(data, data.usages, catalogue, event.time)
        usages = pack_usages(request.usages)
        listed = list_cost_nano(data, catalogue, event.time)
        entry = cost_entry(event, data, request.tariff, *request[:2], usages, listed)
        return entry, request.in_leg
    if data.usage is None or data.unit is None:
        raise TypeError("a decoded cost always has a usage and a unit")
    tariff = tariff_of(catalogue, data, data.unit)
    cost_nano, price_id = price(data, data.usage, tariff, event.time)
    in_leg = tariff.has_increments and price_id is not None
    listed = list_cost_nano(data, catalogue, event.time)
    return cost_entry(event, data, tariff, cost_nano, price_id, list_cost=listed), in_leg


def rate_if_priced(event: Event, catalogue: Catalogue, original: bytes | None = None) -> Incoming:
    """Rate an event that is a cost with a price; return any other event unchanged."""
    if not isinstance(event.data, CostRecorded):
        return event
    try:
        cost = rate(event, event.data, catalogue, original)
    except Refused:
        return event
    return event if cost.is_unpriced else cost


def original_event(incoming: Incoming) -> Event:
    """Return the original event."""
    return incoming.event() if isinstance(incoming, RatedCost) else incoming


def select_others(events: Iterable[Incoming]) -> list[Event]:
    """Return the events that are not rated costs."""
    return [event for event in events if type(event) is Event]


def select_credits(events: Iterable[Incoming]) -> list[Event]:
    """Return the events of prepaid credit, which belong to no call."""
    return [event for event in events if type(event) is Event and not event.call_id]


def select_voids(events: Iterable[Incoming]) -> list[Event]:
    """Return the voids among events."""
    return [event for event in select_others(events) if event.type == "cost.voided"]
