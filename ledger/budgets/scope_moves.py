"""Changes of the totals of scopes: what a batch adds to personas and tags with a budget.

A call whose persona or tags change takes its earlier spend with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.budgets.limits import Limits
from ledger.budgets.scoped import SpendScope, kept_scopes
from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.periods import quarter_of
from ledger.calls.spend import SpendPosting, settled_postings


class ScopeKey(NamedTuple):
    """A persona or a tag of a user."""

    user_id: str
    scope: SpendScope


class CallMove(NamedTuple):
    """A changed call, and the kept scopes that contained it before and contain it now."""

    before: Call | None
    call: Call
    left: Sequence[SpendScope]
    stayed: Sequence[SpendScope]
    joined: Sequence[SpendScope]

    @property
    def takes_spend(self) -> bool:
        """Whether spend of earlier batches moves."""
        return self.before is not None and bool(self.left or self.joined)


class ScopeMoves(NamedTuple):
    """The changes of a batch: [cost, charged, refunded] nano-dollars by scope and quarter.

    `calls` are those of the batch by their present scopes.
    """

    sums: dict[tuple[ScopeKey, datetime], list[int]]
    calls: dict[ScopeKey, set[str]]


def find_moves(budgets: Mapping[str, Limits], changes: BatchChanges) -> list[CallMove]:
    """Return the changed calls that are or were in a scope with a budget."""
    kept = {
        user: list(starts)
        for user, limits in budgets.items()
        if (starts := kept_scopes(limits.budgets))
    }
    if not kept:
        return []
    moves = []
    for stored, call in changes.changed.values():
        scopes = kept.get(call.user_id or "")
        if scopes is None:
            continue
        # A call without an owner has no spend.
        before = stored if stored is not None and stored.user_id is not None else None
        old = [scope for scope in scopes if before is not None and scope.contains(before)]
        new = [scope for scope in scopes if scope.contains(call)]
        if old or new:
            left = [scope for scope in old if scope not in new]
            stayed = [scope for scope in new if scope in old]
            joined = [scope for scope in new if scope not in old]
            moves.append(CallMove(before, call, left, stayed, joined))
    return moves


def sum_moves(
    budgets: Mapping[str, Limits],
    moves: Iterable[CallMove],
    changes: BatchChanges,
    recorded: Mapping[str, Sequence[SpendPosting]],
    *,
    includes_batch: bool,
) -> ScopeMoves:
    """Return the changes of scopes.

    `recorded` has the postings of the recorded events of calls that take spend along. With
    `includes_batch`, the events of this batch are among them.
    """
    starts = {user: kept_scopes(limits.budgets) for user, limits in budgets.items()}
    result = ScopeMoves({}, defaultdict(set))
    found = list(moves)
    new: dict[str, list[SpendPosting]] = defaultdict(list)
    for posting in changes.spend.postings_of({move.call.call_id for move in found}):
        new[posting.call_id].append(posting)
    for move in found:
        user, call_id = move.call.user_id or "", move.call.call_id
        adder = _Adder(user, starts[user], result.sums)
        for scope in (*move.stayed, *move.joined):
            result.calls[ScopeKey(user, scope)].add(call_id)
            adder.add(scope, new[call_id], 1)
        if move.takes_spend and move.before is not None:
            earlier = [*recorded.get(call_id, ()), *settled_postings(move.before)]
            if includes_batch:
                earlier += [p._replace(nano=-p.nano) for p in new[call_id] if not p.is_settled]
            for sign, scopes in ((-1, move.left), (1, move.joined)):
                for scope in scopes:
                    adder.add(scope, earlier, sign)
    return result


class _Adder(NamedTuple):
    """Adds postings of a user's calls to the sums of scopes, from the start of their totals on."""

    user_id: str
    counts_from: Mapping[SpendScope, datetime]
    sums: dict[tuple[ScopeKey, datetime], list[int]]

    def add(self, scope: SpendScope, postings: Iterable[SpendPosting], sign: int) -> None:
        since = self.counts_from[scope]
        for posting in postings:
            if posting.at >= since:
                key = ScopeKey(self.user_id, scope), quarter_of(posting.at)
                self.sums.setdefault(key, [0, 0, 0])[posting.kind] += sign * posting.nano
