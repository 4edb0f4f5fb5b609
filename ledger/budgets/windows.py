"""A user's time whose spend a budget needs, of the whole user or of one scope."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ledger.budgets.scoped import SpendScope


class SpendWindow(NamedTuple):
    """A user's time from `start` to before `end`; without a `scope`, of the whole user."""

    user_id: str
    start: datetime
    end: datetime
    scope: SpendScope | None = None
