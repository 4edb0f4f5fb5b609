"""Reserves the upper bounds of costs that a call is about to cause.

The user's settings are locked meanwhile, as in `ledger.budgets.authorizing`. A batch that counts a
cost locks them too, so a cost is always either reserved or spent, never both or neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from ledger.budgets.budgets import Budgets, PeriodSpend
from ledger.budgets.global_use import CallUse, GlobalUse, exceeds_global
from ledger.budgets.holds import CallState, CommittedSpend, Holds, persona_and_tags
from ledger.budgets.limits import Limit, Limits
from ledger.budgets.reservation import (
    ReservationDecision,
    ReservationUsage,
    decide_reservation,
    reserve_prepaid,
)
from ledger.budgets.scoped_use import (
    ScopedUse,
    limits_of_call,
    read_scoped_use,
    selects_calls,
)
from ledger.calls.charging import ExpectedCall, expected_charge_nano
from ledger.charge_plans.plans import CallKind
from ledger.credits.prepaid import raise_held_charge, read_prepaid_use
from ledger.postgres.viewers import Viewer


class CostBounds(NamedTuple):
    """The upper bounds of costs by the identity of their events, in nano-dollars.

    They replace earlier bounds of the same costs; a bound of 0 ends a reservation. `services` are
    the sums of the bounds whose service is known.
    """

    call_id: str
    amounts: Mapping[str, int]
    lasts: timedelta
    services: Mapping[str, int] = MappingProxyType({})


class ReservationResult(NamedTuple):
    """A decision. Nothing was decided if the call `has_ended` or costs are `counted` already."""

    decision: ReservationDecision
    until: datetime | None
    has_ended: bool = False
    counted: Sequence[str] = ()


_UNDECIDED = ReservationDecision(None, None, False)


async def reserve(
    budgets: Budgets, user_id: str, request: CostBounds, now: datetime
) -> ReservationResult:
    """Decide whether a user's call may cause costs, and reserve them if so.

    A refusal changes no earlier reservation. Raises StoreUnavailableError.
    """
    viewer, call_id = Viewer(user_id), request.call_id
    by_cost = budgets.basis == "cost"
    uses_of_all = await budgets.global_uses.read(now)
    async with budgets.lock(viewer, user_id) as (connection, limits):
        holds = Holds(connection, viewer)
        call = await holds.call_state(call_id)
        if call is not None and call.has_ended:
            return ReservationResult(_UNDECIDED, None, has_ended=True)
        identities = list(request.amounts)
        committed = await holds.committed(
            call_id, now, by_cost=by_cost, by_call=selects_calls(limits), without=identities
        )
        if committed.counted:
            return ReservationResult(_UNDECIDED, None, counted=committed.counted)
        spend = await budgets.read_spend(connection, viewer, limits, now)
        kind = persona_and_tags(call, committed.persona_id, committed.tags)
        further = limits_of_call(limits, *kind, now)
        uses = await read_scoped_use(connection, limits, further, budgets.basis, now)
        of_calls = limits.call_limits() + [limit for limit, _ in further if limit.type == "call"]
        decider = _Decider(budgets, limits, spend, call, committed, uses, of_calls, uses_of_all)
        decision, charge_nano = decider.decide(request, now)
        if limits.has_credit:
            prepaid = await read_prepaid_use(connection, viewer, call_id, now, by_cost=by_cost)
            decision = reserve_prepaid(decision, prepaid, charge_nano)
        if not decision.is_granted:
            return ReservationResult(decision, None)
        until = now + request.lasts
        await holds.reserve(call_id, request.amounts, until, now)
        if charge_nano and not by_cost:
            await holds.raise_hold(call_id, charge_nano, until)
        elif charge_nano and limits.has_credit:
            await holds.raise_hold(call_id, 0, until)
            await raise_held_charge(connection, viewer, call_id, charge_nano)
        return ReservationResult(decision, until)


class _Decider(NamedTuple):
    """The facts that decide a reservation."""

    budgets: Budgets
    limits: Limits
    spend: PeriodSpend
    call: CallState | None
    committed: CommittedSpend
    scoped: Sequence[ScopedUse]
    of_calls: Sequence[Limit]
    uses_of_all: Sequence[GlobalUse]

    def decide(self, request: CostBounds, now: datetime) -> tuple[ReservationDecision, int]:
        """Return the decision, and the expected charge of the call; 0 if it is charged."""
        by_cost = self.budgets.basis == "cost"
        committed = self.committed
        so_far = self.call.cost_nano if self.call is not None else 0
        reserved = committed.reserved_nano
        reserved_after = reserved + sum(request.amounts.values())
        charge = self._charge_nano(so_far + reserved_after, now)
        # A reservation within the call's hold needs nothing more.
        before = max(committed.held_nano, reserved) if by_cost else committed.held_nano
        after = reserved_after if by_cost else charge
        spend_of = {"daily": self.spend.day_nano, "monthly": self.spend.month_nano}
        uses = []
        for limit in self.limits.period_limits():
            used = spend_of[limit.type] + committed.others_nano
            uses.append(ReservationUsage(limit, used + before, used + after))
        for limit, scope, spend_nano in self.scoped:
            used = spend_nano + committed.others_in(scope)
            uses.append(ReservationUsage(limit, used + before, used + after))
        of_call = (so_far + reserved, so_far + reserved_after)
        uses += [ReservationUsage(limit, *of_call) for limit in self.of_calls]
        default = Decimal(self.budgets.default_threshold_percent)
        decision = decide_reservation(uses, self.limits.warning(default))
        _, tags = persona_and_tags(self.call, committed.persona_id, committed.tags)
        use = CallUse(before, before, after, request.services, tags, tags)
        if decision.is_granted and exceeds_global(self.uses_of_all, use):
            decision = ReservationDecision(None, None, False, exceeds_global=True)
        return decision, charge

    def _charge_nano(self, cost_nano: int, now: datetime) -> int:
        """Return the expected charge of the call at a cost; 0 if it was charged already."""
        call, spend = self.call, self.spend
        if call is None:
            kind, duration_ms = CallKind(self.limits.user_id, None, {}), 0
        elif call.is_charged:
            return 0
        else:
            kind = CallKind(self.limits.user_id, call.persona_id, call.tags)
            duration_ms = max(0, (now - (call.first_at or now)) // timedelta(milliseconds=1))
        expected = ExpectedCall(kind, duration_ms, cost_nano)
        return expected_charge_nano(spend.plans, expected, now, spend.default_charge_nano)
