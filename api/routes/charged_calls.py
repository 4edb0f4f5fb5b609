"""Builds the charge plans of calls in response bodies."""

from __future__ import annotations

from ledger.charge_plans.descriptions import describe_decision
from ledger.charge_plans.terms import ChargeDecision
from schemas.charge_plans import CallChargePlan
from schemas.exact import Exact
from schemas.money import Usd


def charge_plan_body(plan: ChargeDecision | None) -> CallChargePlan | None:
    """Return the plan by which a call was charged; None if no plan applied."""
    if plan is None:
        return None
    billed = None
    if plan.kind == "per_minute":
        billed = Exact.of_milliseconds(plan.billed_ms(plan.duration_ms))
    return CallChargePlan(
        plan_id=plan.plan_id or None,
        kind=plan.kind,
        description=describe_decision(plan),
        billed_seconds=billed,
        cost_basis=Usd(plan.basis_nano) if plan.follows_cost else None,
    )
