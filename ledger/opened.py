"""A call while a batch is folded into it.

Most calls of most batches only grow: costs are added that bear on nothing else of the call. As long
as that is so, these costs are all there is to know about what has changed, and nothing has to be
settled or compared.
"""

from __future__ import annotations

from datetime import datetime

from ledger.calls import Call
from ledger.periods import Day
from schemas.events import CostRecorded


class OpenCall:
    """A call as last committed, as it is now, and the costs in nano-dollars that came to it.

    `costs` are all that changed it as long as it `grows`.
    """

    __slots__ = ("before", "call", "costs", "grows")

    def __init__(self, call_id: str, before: Call | None) -> None:
        """Take a call as last committed; None is one nobody has heard of."""
        self.before = before
        self.call = Call(call_id=call_id) if before is None else before.copy()
        self.costs: list[tuple[Day, str, int]] = []
        self.grows = before is not None and before.user_id is not None

    def settles_more(self, data: CostRecorded, time: datetime) -> bool:
        """Say whether a cost may change more of a call than its costs and counts."""
        call = self.call
        first_at = call.first_at
        return (
            first_at is None
            or time < first_at
            or (data.persona_id is not None and call.started_by is None)
            or bool(call.pending_voids)
        )
