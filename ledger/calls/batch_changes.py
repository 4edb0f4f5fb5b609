"""The state that a batch depends on, and the changes that it makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.calls.call import Call
from ledger.calls.entries import Entry
from ledger.calls.event_rows import EventRow
from ledger.calls.legs import LegPiece
from ledger.calls.movements import BatchMovements
from ledger.calls.rating import Incoming
from ledger.calls.spend import SpendChanges
from ledger.prices.pricing import UNPRICED
from schemas.events import Event
from schemas.refusals import Refused


class CountedCost(NamedTuple):
    """The facts of a recorded cost that a void needs.

    `basis_nano` is the cost that a cost-plus charge is computed from: repricing does not change it.
    """

    call_id: str
    time: datetime
    service: str
    cost_nano: int
    estimated: bool
    basis_nano: int


class KnownState(msgspec.Struct):
    """The stored state that a batch depends on.

    `calls` are the calls of the batch as last committed, `held` their held events. `voidable` are
    the recorded costs that voids of the batch name, `voided` those that are already voided.
    `calls_without_details` have archived costs with expired details: a void of such a cost is
    refused, and so is a usage that belongs to a leg of such a call. `legs` are the unvoided pieces
    of legs, by call, of calls that have ended or may end in the batch.
    """

    calls: Mapping[str, Call] = {}
    held: Mapping[str, list[Event]] = {}
    voidable: Mapping[str, CountedCost] = {}
    voided: frozenset[str] = frozenset()
    calls_without_details: frozenset[str] = frozenset()
    legs: Mapping[str, list[LegPiece]] = {}


class BatchChanges(msgspec.Struct):
    """What one transaction writes for a batch.

    `changed` has calls as last committed and as they are now. `grown` are the ids of changed calls
    in which only costs and counts changed. `owned` are the changed calls with a known owner,
    `users` their owners. `holds_to_release` are owner and call of the budget holds of calls that
    ended or were charged. `recorded` are the accepted events, whose identities are stored.
    `processors` are the payment processors that the catalogue does not have. `unreleased` are held
    events that cannot be counted; they stay held. `unpriced` are the rows counted without a price,
    and `voided` the identities of costs voided by the batch. `missing_prices` are the rows of all
    new events with neither price nor estimate, held ones included. `calls_with_unread_legs` can be
    settled only after their legs were read. `credits` are the events of prepaid credit, which
    belong to no call.
    """

    changed: dict[str, tuple[Call | None, Call]] = {}
    grown: set[str] = set()
    owned: list[Call] = []
    users: set[str] = set()
    holds_to_release: list[tuple[str, str]] = []
    processors: set[str] = set()
    entries: list[EventRow] = []
    recorded: list[Incoming] = []
    movements: BatchMovements = msgspec.field(default_factory=BatchMovements)
    spend: SpendChanges = msgspec.field(default_factory=SpendChanges)
    refused: list[tuple[Incoming, Refused]] = []
    held: list[Event] = []
    released: list[str] = []
    unreleased: list[tuple[Incoming, Refused]] = []
    unpriced: list[Entry] = []
    voided: list[str] = []
    missing_prices: list[Entry] = []
    calls_with_unread_legs: set[str] = set()
    credits: list[Event] = []

    def add_credits(self, events: Sequence[Event]) -> None:
        """Add grants of prepaid credit, and voids of grants."""
        self.credits += events
        self.recorded += events
        self.users |= {event.data.user_id or "" for event in events}

    @property
    def has_unpriced(self) -> bool:
        """Whether an event that was counted or held has no price."""
        return bool(self.missing_prices or self.unpriced)

    def add_unpriced(self, counted: EventRow, known_voids: Collection[str], *, new: bool) -> None:
        """Add a row that was counted without a price to `unpriced`, unless it is voided.

        Add the row of a new event to `missing_prices`, too, unless the catalogue has an estimate.
        """
        row = Entry(**counted.columns())  # type: ignore[arg-type]
        if row.identity not in known_voids:
            self.unpriced.append(row)
        if new and row.price_id == UNPRICED:
            self.missing_prices.append(row)

    def add_call(self, before: Call | None, call: Call) -> None:
        """Add a call as last committed and as it is now."""
        self.changed[call.call_id] = (before, call)
        if call.user_id is not None:
            self.owned.append(call)
            self.users.add(call.user_id)
            if call.status != "active" or call.charge_count:
                self.holds_to_release.append((call.user_id, call.call_id))
