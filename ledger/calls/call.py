"""One call: the state that its totals follow from, and how each event changes it.

A call's state depends on the *set* of its events, never on their order: amounts are summed, and of
several events that state the same fact the earliest or the latest by (time, identity) wins. The
infrastructure share and the charge are settled afterwards (`ledger.calls.settlement`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from ledger.calls.periods import Day, day_of
from ledger.calls.roundings import Rounding
from ledger.calls.tags import CallTags, TagOrigin, merge_tags
from ledger.charge_plans.terms import ChargeDecision
from schemas.events import CallEnded, CallStarted, CallStatus, Direction
from schemas.money import half_even

_MILLISECOND: Final = timedelta(milliseconds=1)
_decode_costs: Final = msgspec.json.Decoder(dict[Day, dict[str, int]]).decode


class Call(msgspec.Struct, kw_only=True):
    """The running totals of one call. Money is nano-dollars, durations are milliseconds.

    `costs` is by UTC day and service, `charges` by UTC day as [charged, refunded]; both include
    what was settled. `default_charge_nano` is what a call is charged that no event charged, by the
    `charge_plan` or else the default price; `default_fee_nano` is its fee.
    `rerated_nano` is what later prices added to the costs, which charges do not follow. `tagged_by`
    has the origin of each of `tags`. `roundings` are those of its legs, empty until it has ended;
    None if no usage has a price with increments. `version` is the number of commits that changed
    the call.
    """

    call_id: str
    user_id: str | None = None
    persona_id: str | None = None
    status: CallStatus = "active"
    direction: Direction | None = None
    expected_duration_ms: int | None = None
    duration_ms: int = 0
    first_at: datetime | None = None
    started_at: datetime | None = None
    started_by: str | None = None
    persona_at: datetime | None = None
    persona_by: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    costs: dict[Day, dict[str, int]] = {}
    charges: dict[Day, list[int]] = {}
    infrastructure: dict[str, int] = {}
    pending_voids: list[str] = []
    charge_count: int = 0
    default_charge_nano: int = 0
    default_fee_nano: int = 0
    charge_plan: ChargeDecision | None = None
    rerated_nano: int = 0
    estimated_count: int = 0
    event_count: int = 0
    held_count: int = 0
    tags: dict[str, str] | None = None
    tagged_by: dict[str, TagOrigin] | None = None
    roundings: list[Rounding] | None = None
    version: int = 0

    def copy(self) -> Call:
        """Return a copy to change. Only `costs` is changed in place; all else is replaced."""
        call = copy(self)
        call.costs = {day: services.copy() for day, services in self.costs.items()}
        return call

    def costs_by_service(self) -> dict[str, int]:
        """Return the cost of each service over all days, in nano-dollars, without zeros."""
        totals = sum_by_service(self.costs.values())
        return {service: nano for service, nano in sorted(totals.items()) if nano}

    def charged_nano(self) -> int:
        """Return the sum of charges, before refunds."""
        return sum(charged for charged, _ in self.charges.values())

    def refunded_nano(self) -> int:
        return sum(refunded for _, refunded in self.charges.values())

    def add_cost(self, day: Day, service: str, nano: int) -> None:
        """Add `nano`, which may be negative, to the cost of a service on a day."""
        services = self.costs.get(day)
        if services is None:
            services = self.costs[day] = {}
        services[service] = services.get(service, 0) + nano

    def add_charge(self, day: Day, *, charged: int = 0, refunded: int = 0) -> None:
        """Add nano-dollars, which may be negative, to the charges and the refunds of a day."""
        before = self.charges.get(day, (0, 0))
        self.charges = self.charges | {day: [before[0] + charged, before[1] + refunded]}

    def start(self, data: CallStarted, time: datetime, identity: str) -> None:
        """Take the facts of the earliest `call.started`."""
        if _precedes(time, identity, self.started_at, self.started_by):
            self.started_at, self.started_by = time, identity
            self.persona_id = data.persona_id
            self.direction = data.direction
            self.expected_duration_ms = _milliseconds(data.expected_duration_seconds)
            self.persona_at = self.persona_by = None

    def name_persona(self, persona_id: str, time: datetime, identity: str) -> None:
        """Take the persona of the earliest cost that has one, until `call.started` arrives."""
        if self.started_by is None and _precedes(time, identity, self.persona_at, self.persona_by):
            self.persona_at, self.persona_by = time, identity
            self.persona_id = persona_id

    def set_tags(self, tags: Mapping[str, str], time: datetime, identity: str) -> None:
        """Take the tags of an event; the earliest event of each key wins."""
        merged = merge_tags(self.known_tags, tags, time, identity)
        if merged is not None:
            self.tags, self.tagged_by = merged

    @property
    def known_tags(self) -> CallTags:
        """The tags so far."""
        return CallTags(self.tags or {}, self.tagged_by or {})

    def take_owner(self, owner: str, time: datetime) -> None:
        """Take the owner of the call from an event, and its time if no event is earlier."""
        self.user_id = owner
        if self.first_at is None or time < self.first_at:
            self.first_at = time

    def abandon(self, last_at: datetime) -> None:
        """Close a call without an end, as of its last event."""
        begun_at = self.started_at or self.first_at or last_at
        self.status, self.ended_at = "abandoned", last_at
        self.duration_ms = max(0, (last_at - begun_at) // _MILLISECOND)

    def reopen(self) -> None:
        """Undo `abandon`: another event has arrived."""
        if self.status == "abandoned":
            self.status, self.ended_at, self.duration_ms = "active", None, 0

    def end(self, data: CallEnded, time: datetime, identity: str) -> None:
        """Take the facts of the latest `call.ended`."""
        if self.ended_by is None or not _precedes(time, identity, self.ended_at, self.ended_by):
            self.ended_at, self.ended_by = time, identity
            self.status = data.status
            self.duration_ms = _milliseconds(data.duration_seconds) or 0


def _precedes(time: datetime, identity: str, at: datetime | None, by: str | None) -> bool:
    """Return whether an event precedes the known one; True if there is none."""
    return at is None or by is None or (time, identity) < (at, by)


def _milliseconds(seconds: int | Decimal | None) -> int | None:
    if seconds is None:
        return None
    numerator, denominator = seconds.as_integer_ratio()
    return half_even(numerator * 1000, denominator)


def total_nano(costs: Mapping[Day, Mapping[str, int]]) -> int:
    """Return the sum of costs by day and service."""
    return sum(nano for services in costs.values() for nano in services.values())


def decode_costs(stored: str) -> dict[Day, dict[str, int]]:
    """Return stored costs, in nano-dollars by day and service."""
    return _decode_costs(stored)


def decode_costs_by_service(stored: str) -> dict[str, int]:
    """Return the cost of each service over all days of stored costs."""
    return sum_by_service(_decode_costs(stored).values())


def sum_by_service(costs: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of each service over several costs by service."""
    remaining = iter(costs)
    totals = dict(next(remaining, {}))
    for services in remaining:
        for service, nano in services.items():
            totals[service] = totals.get(service, 0) + nano
    return totals


def first_day(call: Call) -> Day | None:
    """Return the day on which a call counts: the day of its first event."""
    return None if call.first_at is None else day_of(call.first_at)
