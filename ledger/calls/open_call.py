"""A call while a batch is folded into it.

Most calls of a batch only grow: costs are added that change no other fact of the call. Then nothing
has to be settled or compared with the previous state.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ledger.calls.call import Call
from ledger.calls.charging import charge_follows_cost
from ledger.calls.rating import RatedCost
from ledger.calls.tags import merge_tags

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class OpenCall:
    """A call as last committed and as it is now, and the recorded costs still to be added to it.

    While it `grows`, nothing but these costs changed it.
    """

    __slots__ = ("before", "call", "costs", "grows", "is_announced", "owner", "since")

    def __init__(self, call_id: str, before: Call | None) -> None:
        """`before` is the call as last committed, None if it is unknown."""
        self.before = before
        self.call = Call(call_id=call_id) if before is None else before.copy()
        self.costs: list[RatedCost] = []
        self.grows = before is not None and _may_grow(before)
        self.owner = self.call.user_id
        self.since = self.call.first_at or _LATEST
        self.is_announced = self.call.started_by is not None

    def grows_by(self, cost: RatedCost) -> bool:
        """Return whether a cost changes only the costs and counts of the call.

        Such a cost is not earlier than the first event. It names no user other than the owner, no
        persona unless `call.started` was seen, and only tags that the call has. It is not the first
        cost that is a part of a leg.
        """
        return (
            self.grows
            and cost.time >= self.since
            and (self.is_announced or cost.persona_id is None)
            and (cost.user_id == self.owner or cost.user_id is None)
            and (not cost.in_leg or self.call.roundings is not None)
            and (
                cost.tags is None
                or merge_tags(self.call.known_tags, cost.tags, cost.time, cost.identity) is None
            )
        )

    def add_costs(self) -> None:
        call, costs = self.call, self.costs
        by_day = call.costs
        for cost in costs:
            services = by_day.get(cost.day)
            if services is None:
                services = by_day[cost.day] = {}
            service = cost.service
            services[service] = services.get(service, 0) + cost.cost_nano
            if cost.estimated:
                call.estimated_count += 1
        call.event_count += len(costs)


def _may_grow(call: Call) -> bool:
    return (
        call.user_id is not None
        and call.first_at is not None
        and not call.held_count
        and not call.pending_voids
        and not charge_follows_cost(call)
        and call.status != "abandoned"
        and (call.roundings is None or call.ended_at is None)
    )
