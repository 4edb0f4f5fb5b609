"""Parts of the bodies of calls: the charge plan, and the limit that ended the call."""

from __future__ import annotations

from ledger.charge_plans.descriptions import describe_decision
from ledger.charge_plans.terms import ChargeDecision
from ledger.reports.limit_cutoffs import LimitCutoff
from schemas.charge_plans import CallChargePlan
from schemas.costs import EndedByLimit
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


def ended_by_limit_body(cutoff: LimitCutoff | None) -> EndedByLimit | None:
    """Return the limit that ended a call; None if none did."""
    if cutoff is None:
        return None
    return EndedByLimit(
        limit_usd=Usd(cutoff.limit_nano),
        budget_id=cutoff.budget_id,
        limit_version=cutoff.limit_version,
        executed_at=cutoff.executed_at,
    )
