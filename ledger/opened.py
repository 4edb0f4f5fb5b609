"""A call while a batch is folded into it.

Most calls of most batches only grow: costs are added that bear on nothing else of the call. As long
as that is so, these costs are all there is to know about what has changed, and nothing has to be
settled or compared.
"""

from __future__ import annotations

from ledger.calls import Call
from ledger.rating import Rated


class OpenCall:
    """A call as last committed, as it is now, and recorded costs that are still to be added to it.

    These costs are all that changed it as long as it `grows`.
    """

    __slots__ = ("before", "call", "costs", "grows")

    def __init__(self, call_id: str, before: Call | None) -> None:
        """Take a call as last committed; None is one nobody has heard of."""
        self.before = before
        self.call = Call(call_id=call_id) if before is None else before.copy()
        self.costs: list[Rated] = []
        self.grows = before is not None and _may_grow(before)

    def settles_more(self, cost: Rated) -> bool:
        """Say whether a cost may change more of a growing call than its costs and counts."""
        call = self.call
        return (
            call.first_at is None
            or cost.time < call.first_at
            or (cost.persona_id is not None and call.started_by is None)
        )

    def is_owned_alike(self, cost: Rated) -> bool:
        """Say whether a cost names the owner of the call, or nobody and so the owner."""
        return cost.user_id is None or cost.user_id == self.call.user_id

    def add_costs(self) -> None:
        """Add the costs to the call."""
        call = self.call
        by_day = call.costs
        for cost in self.costs:
            services = by_day.get(cost.day)
            if services is None:
                services = by_day[cost.day] = {}
            services[cost.service] = services.get(cost.service, 0) + cost.cost_nano
            call.estimated_count += cost.estimated


def _may_grow(call: Call) -> bool:
    return call.user_id is not None and not call.held_count and not call.pending_voids
