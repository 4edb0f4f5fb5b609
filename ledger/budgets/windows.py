"""The time range of a user or a scope in which a budget counts spend."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ledger.budgets.scoped import SpendScope


class SpendWindow(NamedTuple):
    """A time range from `start` to before `end`; without a `scope`, of a whole user."""

    user_id: str
    start: datetime
    end: datetime
    scope: SpendScope | None = None
