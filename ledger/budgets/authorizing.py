"""Authorizes calls, and holds the expected spend of allowed ones.

The user's settings are locked meanwhile, so concurrent calls are decided one after another and
cannot all use the same remainder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from ledger.budgets.authorization import (
    AuthorizationDecision,
    LimitUsage,
    decide_authorization,
    decide_global,
    decide_prepaid,
    expected_cost,
    hold_until,
)
from ledger.budgets.budgets import Budgets, PeriodSpend
from ledger.budgets.global_use import CallUse
from ledger.budgets.holds import CallState, CommittedSpend, Holds, persona_and_tags
from ledger.budgets.limits import Limits
from ledger.budgets.scoped_use import limits_of_call, read_scoped_use, selects_calls
from ledger.calls.charging import ExpectedCall, expected_charge_nano
from ledger.charge_plans.plans import CallKind
from ledger.credits.prepaid import raise_held_charge, read_prepaid_use
from ledger.postgres.viewers import Viewer

_PAST: Final = timedelta(days=30)


class CallStartRequest(NamedTuple):
    """A call to be authorized: its expected cost, or else its expected duration.

    `persona_id` and `tags` are those that it is expected to have, `services` those that it will
    use.
    """

    call_id: str
    cost_nano: int | None
    duration_ms: int | None
    persona_id: str | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    services: Sequence[str] = ()


class CallStartDecision(NamedTuple):
    """The decision on a call: `held_nano` is held for it until `held_until`.

    `finished` means that the call has ended or was charged, so nothing is held for it.
    """

    decision: AuthorizationDecision
    limits: Limits
    held_nano: int
    held_until: datetime | None
    finished: bool = False


async def authorize(
    budgets: Budgets, user_id: str, request: CallStartRequest, now: datetime
) -> CallStartDecision:
    """Decide whether a user's call may start; raises StoreUnavailableError.

    A repeated request for the same call replaces the earlier decision.
    """
    viewer, call_id, by_cost = Viewer(user_id), request.call_id, budgets.basis == "cost"
    uses_of_all = await budgets.global_uses.read(now)
    async with budgets.lock(viewer, user_id) as (connection, limits):
        holds = Holds(connection, viewer)
        call = await holds.call_state(call_id)
        if call is not None and (call.has_ended or call.is_charged):
            allowed = AuthorizationDecision(None, None)
            return CallStartDecision(allowed, limits, 0, None, finished=True)
        persona_id, tags = persona_and_tags(call, request.persona_id, request.tags)
        kind = CallKind(user_id, persona_id, tags)
        cost = await _expected_cost(holds, request, now)
        spend = await budgets.read_spend(connection, viewer, limits, now)
        charge = _expected_charge(kind, request, cost, spend, now, by_cost=by_cost)
        estimate = cost if by_cost else charge
        so_far = call.cost_nano if call is not None and by_cost else 0
        left_to_spend = max(0, estimate - so_far)
        committed = await holds.committed(
            call_id, now, by_cost=by_cost, by_call=selects_calls(limits)
        )
        held = committed.others_nano
        spend_of = {"daily": spend.day_nano, "monthly": spend.month_nano}
        usages = [LimitUsage(limit, spend_of[limit.type], held) for limit in limits.period_limits()]
        further = limits_of_call(limits, persona_id, tags, now)
        uses = await read_scoped_use(connection, limits, further, budgets.basis, now)
        usages += [
            LimitUsage(use.limit, use.spend_nano, committed.others_in(use.scope)) for use in uses
        ]
        of_calls = limits.call_limits() + [limit for limit, _ in further if limit.type == "call"]
        decision = decide_authorization(usages, of_calls, left_to_spend, cost)
        if limits.has_credit:
            prepaid = await read_prepaid_use(connection, viewer, call_id, now, by_cost=by_cost)
            decision = decide_prepaid(decision, prepaid, charge)
        use = _use_of(request, call, committed, tags, left_to_spend)
        decision = decide_global(decision, uses_of_all, use)
        await holds.drop_expired(now)
        if not decision.is_allowed:
            await holds.drop(call_id)
            return CallStartDecision(decision, limits, 0, None)
        until = hold_until(now, request.duration_ms)
        await holds.hold(call_id, estimate, until, persona_id, tags)
        if by_cost and limits.has_credit:
            await raise_held_charge(connection, viewer, call_id, charge)
        return CallStartDecision(decision, limits, left_to_spend, until)


def _use_of(
    request: CallStartRequest,
    call: CallState | None,
    committed: CommittedSpend,
    tags: Mapping[str, str],
    spend_nano: int,
) -> CallUse:
    """Return what a call would spend of global limits."""
    _, held_tags = persona_and_tags(call, committed.persona_id, committed.tags)
    return CallUse(
        committed.held_nano,
        before_nano=-1,  # it may be refused even if it spends nothing more
        after_nano=spend_nano,
        services=dict.fromkeys(request.services, 1),  # an exhausted limit of a service refuses
        tags=tags,
        held_tags=held_tags,
    )


def _expected_charge(
    kind: CallKind,
    request: CallStartRequest,
    cost: int,
    spend: PeriodSpend,
    now: datetime,
    *,
    by_cost: bool,
) -> int:
    """Return the expected charge of a call in nano-dollars: a requested cost is a charge."""
    if request.cost_nano is not None and not by_cost:
        return cost
    expected = ExpectedCall(kind, request.duration_ms or 0, cost)
    return expected_charge_nano(spend.plans, expected, now, spend.default_charge_nano)


async def _expected_cost(holds: Holds, request: CallStartRequest, now: datetime) -> int:
    """Return the expected cost of a call in nano-dollars: as requested, else by past calls."""
    if request.cost_nano is not None:
        return request.cost_nano
    past = await holds.past_calls((now - _PAST).date())
    return expected_cost(request.duration_ms or 0, past.cost_nano, past.duration_ms)
