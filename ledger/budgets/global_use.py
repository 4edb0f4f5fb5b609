"""Decides calls by the global budgets, whose use is read at most once a second.

A lock shared by all users would decide one call after another. So calls that are allowed within the
same second may exceed a global limit together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic_ns
from types import MappingProxyType
from typing import Final, NamedTuple

from ledger.budgets.alert_rows import read_spend
from ledger.budgets.limits import Limit
from ledger.budgets.positions import PeriodChange
from ledger.budgets.scoped import GLOBAL_OWNER, SERVICE, TAG, StoredBudget
from ledger.budgets.settings import read_settings
from ledger.calls.periods import period_of
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.alerts import SpendBasis

MAX_AGE_NS: Final = 10**9

_SQL: Final = statements("budgets/everyone")
_READER: Final = Viewer(GLOBAL_OWNER, reads_all=True)


class GlobalUse(NamedTuple):
    """A global limit with its spend and what its calls may still spend, in nano-dollars."""

    limit: Limit
    spend_nano: int
    held_nano: int


class CallUse(NamedTuple):
    """What a call would spend, in nano-dollars.

    `held_nano` is held for it already. It may spend `before_nano` if it is refused, and
    `after_nano` if not; a call that may not spend more is not refused. `services` are the costs of
    services that it is about to cause. `tags` are those that it has or is expected to have, and
    `held_tags` those with which it was held.
    """

    held_nano: int
    before_nano: int
    after_nano: int
    services: Mapping[str, int]
    tags: Mapping[str, str] = MappingProxyType({})
    held_tags: Mapping[str, str] = MappingProxyType({})

    def is_in(self, budget: StoredBudget) -> bool:
        """Return whether the call has the tag of a budget; True for a budget without a tag."""
        return not budget.scope.selects_calls or budget.scope.matches(None, self.tags)

    def held_in(self, budget: StoredBudget) -> int:
        """Return what is held for the call among the calls of a budget."""
        is_held = not budget.scope.selects_calls or budget.scope.matches(None, self.held_tags)
        return self.held_nano if is_held else 0


def exceeds_global(uses: Iterable[GlobalUse], call: CallUse) -> bool:
    """Return whether a call would exceed a global limit that applies to it."""
    for limit, spend_nano, held_nano in uses:
        budget = limit.budget
        if budget is None or not call.is_in(budget):
            continue
        others = 0
        if budget.dimension == SERVICE:
            before, after = 0, call.services.get(budget.value, 0)
        else:
            others = max(0, held_nano - call.held_in(budget))
            before, after = call.before_nano, call.after_nano
        if after > before and spend_nano + others + after > limit.nano:
            return True
    return False


class GlobalUses:
    """The use of the global limits, at most a second old."""

    def __init__(self, readers: ReaderPool, basis: SpendBasis) -> None:
        self._readers = readers
        self._basis = basis
        self._uses: Sequence[GlobalUse] = ()
        self._read_at: int | None = None
        self._reading = asyncio.Lock()

    async def read(self, now: datetime) -> Sequence[GlobalUse]:
        """Return the use of each limit; raises StoreUnavailableError.

        Call it without a connection of the pool.
        """
        async with self._reading:
            if self._read_at is None or monotonic_ns() - self._read_at >= MAX_AGE_NS:
                read_at = monotonic_ns()
                async with self._readers.reading(_READER) as connection:
                    self._uses = await self._read(connection, now)
                self._read_at = read_at
        return self._uses

    async def _read(self, connection: Connection, now: datetime) -> list[GlobalUse]:
        limits = await read_settings(connection, _READER, GLOBAL_OWNER)
        changes = [
            PeriodChange(GLOBAL_OWNER, limit, period_of(limit.type, now, "UTC"), 0)
            for limit in limits.scoped_budget_limits(now)
            if limit.type != "call"
        ]
        if not changes:
            return []
        spent = await read_spend(connection, [change.window() for change in changes], self._basis)
        tags = [_tag_of(change.limit.budget) for change in changes]
        statement = _SQL.bind(
            "held",
            now=now,
            by_cost=self._basis == "cost",
            tag_keys=[key for key, _ in tags],
            values=[value for _, value in tags],
        )
        held = [row["nano"] for row in await connection.fetch(*statement)]
        return [
            GlobalUse(change.limit, *nanos)
            for change, *nanos in zip(changes, spent, held, strict=True)
        ]


def _tag_of(budget: StoredBudget | None) -> tuple[str, str]:
    """Return the key and the value of a budget's tag, empty without one."""
    if budget is None or not budget.scope.selects_calls:
        return "", ""
    return budget.dimension.removeprefix(TAG), budget.value
