"""What a batch changes: the fold of its entries into deltas for each call and user-day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.calls.call import Call
from ledger.calls.event_rows import EventRow
from ledger.calls.movements import BatchMovements
from ledger.calls.rating import Incoming
from ledger.calls.spend import SpendChanges
from schemas.events import Event
from schemas.refusals import Refused


class CountedCost(NamedTuple):
    """A recorded cost as a void needs to know it."""

    call_id: str
    time: datetime
    service: str
    cost_nano: int
    estimated: bool


class KnownState(msgspec.Struct):
    """What the store knows of a batch before it is folded.

    `calls` are the calls the batch names, as last committed; `held` the events kept back for them;
    `voidable` the recorded costs that voids of this batch name; `voided` those voided already.
    `without_details` are calls with archived costs whose details are no longer kept: a void of one
    of these cannot be counted.
    """

    calls: Mapping[str, Call] = {}
    held: Mapping[str, list[Event]] = {}
    voidable: Mapping[str, CountedCost] = {}
    voided: frozenset[str] = frozenset()
    without_details: frozenset[str] = frozenset()


class BatchChanges(msgspec.Struct):
    """What one transaction writes for a batch.

    `changed` are calls as last committed and as they are now; of those that are also in `grown`
    nothing changed but costs and counts. `owned` are those of them whose owner is known, `users`
    their owners; `done` names owner and call of those that have ended or were charged, which hold
    no budget any more. The identities of `taken` are recorded from now on. `processors` are payment
    processors that charges name and the catalogue does not have.
    `unreleased` were held and cannot be counted even now that their call is known, because prices
    changed meanwhile: they stay held.
    """

    changed: dict[str, tuple[Call | None, Call]] = {}
    grown: set[str] = set()
    owned: list[Call] = []
    users: set[str] = set()
    done: list[tuple[str, str]] = []
    processors: set[str] = set()
    entries: list[EventRow] = []
    taken: list[Incoming] = []
    movements: BatchMovements = msgspec.field(default_factory=BatchMovements)
    spend: SpendChanges = msgspec.field(default_factory=SpendChanges)
    refused: list[tuple[Incoming, Refused]] = []
    held: list[Event] = []
    released: list[str] = []
    unreleased: list[tuple[Incoming, Refused]] = []

    @property
    def lacks_price(self) -> bool:
        """Whether an event could not be counted for want of a price."""
        return any(why.code == "unknown_price" for _, why in (*self.refused, *self.unreleased))

    def change(self, before: Call | None, call: Call) -> None:
        """Take a call as last committed and as it is now."""
        self.changed[call.call_id] = (before, call)
        if call.user_id is not None:
            self.owned.append(call)
            self.users.add(call.user_id)
            if call.status != "active" or call.charge_count:
                self.done.append((call.user_id, call.call_id))
