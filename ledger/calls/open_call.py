"""A call while a batch is folded into it.

Most calls of most batches only grow: costs are added that bear on nothing else of the call. As long
as that is so, these costs are all there is to know about what has changed, and nothing has to be
settled or compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ledger.calls.call import Call
from ledger.calls.rating import RatedCost

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class OpenCall:
    """A call as last committed, as it is now, and recorded costs that are still to be added to it.

    These costs are all that changed it as long as it `grows`.
    """

    __slots__ = ("before", "call", "costs", "grows", "is_announced", "owner", "since")

    def __init__(self, call_id: str, before: Call | None) -> None:
        """Take a call as last committed; None is an unknown one."""
        self.before = before
        self.call = Call(call_id=call_id) if before is None else before.copy()
        self.costs: list[RatedCost] = []
        self.grows = before is not None and _may_grow(before)
        self.owner = self.call.user_id
        self.since = self.call.first_at or _NEVER
        self.is_announced = self.call.started_by is not None

    def grows_by(self, cost: RatedCost) -> bool:
        """Return whether a cost bears on nothing of the call but its costs and counts.

        It is no earlier than all others, does not name the persona of a call that is still to be
        announced, and names the owner, or no user and so the owner.
        """
        return (
            self.grows
            and cost.time >= self.since
            and (self.is_announced or cost.persona_id is None)
            and (cost.user_id == self.owner or cost.user_id is None)
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
    )
