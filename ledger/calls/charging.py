"""Decides what the user is charged for a completed call that no event charged.

The plan follows from the end, the owner, the persona and the tags of the call; the charge by the
plan also from the duration or the cost. Both are decided again when one of these facts changes, so
they depend only on the set of the call's events. A newer plan or price alone changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.calls.call import Call, total_nano
from ledger.calls.periods import day_of
from ledger.charge_plans.plans import CallKind, ChargePlans, OutdatedPlansError
from ledger.charge_plans.terms import ChargeDecision
from ledger.prices.catalogue import DEFAULT_PROCESSOR, Catalogue


class ExpectedCall(NamedTuple):
    """The expected facts of a call, from which its expected charge follows."""

    call: CallKind
    duration_ms: int
    cost_nano: int


def expected_charge_nano(
    plans: ChargePlans, expected: ExpectedCall, at: datetime, default_nano: int
) -> int:
    """Return the expected charge of a call that ends at `at`; `default_nano` without a plan."""
    plan = plans.choose(expected.call, at)
    if plan is None or plan.terms.kind == "default":
        return default_nano
    return plan.terms.charge_nano(expected.duration_ms, expected.cost_nano)


def expected_fee_nano(catalogue: Catalogue, expected: ExpectedCall, at: datetime) -> int:
    """Return the processor's fee of the expected charge of a call, in nano-dollars."""
    default_nano = catalogue.default_charge_nano(at)
    charge_nano = expected_charge_nano(catalogue.plans, expected, at, default_nano)
    return catalogue.fee_nano(DEFAULT_PROCESSOR, charge_nano, at) or 0


class SettledCharge(NamedTuple):
    """A charge, its fee, and the plan that it follows from; nano-dollars."""

    plan: ChargeDecision | None
    charge_nano: int
    fee_nano: int


NO_CHARGE = SettledCharge(None, 0, 0)


def settle_charge(before: Call | None, call: Call, catalogue: Catalogue) -> bool:
    """Settle the charge of a call; `before` is the call as last committed.

    All costs must be settled already. Returns whether the decision changed. Raises
    OutdatedPlansError if the catalogue lacks plans that the call was charged by.
    """
    settled_at, due_at = _due_at(before), _due_at(call)
    settled = SettledCharge(call.charge_plan, call.default_charge_nano, call.default_fee_nano)
    decided = NO_CHARGE if due_at is None else _decide(before, call, settled, due_at, catalogue)
    if (settled_at, settled) == (due_at, decided):
        return False
    if settled_at is not None:
        _post(call, settled_at, settled, -1)
    if due_at is not None:
        _post(call, due_at, decided, 1)
    call.charge_plan, call.default_charge_nano, call.default_fee_nano = decided
    return True


def charge_follows_cost(call: Call) -> bool:
    """Return whether each further cost of the call changes its charge."""
    return call.charge_plan is not None and call.charge_plan.follows_cost


def _due_at(call: Call | None) -> datetime | None:
    """Return when the charge is due: at the end of a completed call that no event charged."""
    if call is None or call.status != "completed" or call.charge_count:
        return None
    return call.ended_at


def _decide(
    before: Call | None,
    call: Call,
    settled: SettledCharge,
    due_at: datetime,
    catalogue: Catalogue,
) -> SettledCharge:
    plan, charge_nano, fee_nano = settled
    is_new = _due_at(before) != due_at
    was_default = plan is None or plan.kind == "default"
    if is_new or before is None or _kind_of(before) != _kind_of(call):
        plan = _choose(call, due_at, catalogue)
    if plan is not None and plan.kind != "default":
        plan = _with_figures(plan, call, settled.fee_nano)
        charge_nano = plan.charged_nano()
    elif is_new or not was_default:
        charge_nano = catalogue.default_charge_nano(due_at)
    if is_new or charge_nano != settled.charge_nano:
        fee_nano = catalogue.fee_nano(DEFAULT_PROCESSOR, charge_nano, due_at) or 0
    return SettledCharge(plan, charge_nano, fee_nano)


def _kind_of(call: Call) -> CallKind:
    return CallKind(call.user_id or "", call.persona_id, call.tags or {})


def _choose(call: Call, at: datetime, catalogue: Catalogue) -> ChargeDecision | None:
    """Return the plan for a call without its figures; None if there are no plans at all."""
    known = catalogue.plans.version
    if call.charge_plan is not None and call.charge_plan.plans > known:
        raise OutdatedPlansError
    if not known:
        return None
    plan = catalogue.plans.choose(_kind_of(call), at)
    if plan is None:
        return ChargeDecision(kind="default", plans=known)
    terms = msgspec.structs.asdict(plan.terms)
    return ChargeDecision(**terms, plans=known, plan_id=plan.plan_id)


def _with_figures(plan: ChargeDecision, call: Call, fee_nano: int) -> ChargeDecision:
    """Return a plan with the duration or the cost of the call that its charge follows from.

    The cost is that of usage and infrastructure, at the prices when it was recorded: without the
    fee of this charge, and without what later prices changed.
    """
    duration_ms = call.duration_ms if plan.kind == "per_minute" else 0
    basis_nano = 0
    if plan.follows_cost:
        basis_nano = total_nano(call.costs) - fee_nano - call.rerated_nano
    return msgspec.structs.replace(plan, duration_ms=duration_ms, basis_nano=basis_nano)


def _post(call: Call, at: datetime, charge: SettledCharge, sign: int) -> None:
    day = day_of(at)
    call.add_charge(day, charged=sign * charge.charge_nano)
    call.add_cost(day, DEFAULT_PROCESSOR, sign * charge.fee_nano)
