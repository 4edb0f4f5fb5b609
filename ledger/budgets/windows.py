"""The time range of a user or a scope in which a budget counts spend."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ledger.budgets.scoped import GLOBAL_OWNER, SpendScope


class SpendWindow(NamedTuple):
    """A time range from `start` to before `end`; without a `scope`, of a whole user."""

    user_id: str
    start: datetime
    end: datetime
    scope: SpendScope | None = None

    @property
    def is_of_all_users(self) -> bool:
        """Whether the window is of all users, whose totals are kept by UTC day."""
        return self.user_id == GLOBAL_OWNER
