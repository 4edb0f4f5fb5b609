"""Describes charge plans, and how a call was charged, for people."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ledger.charge_plans.rows import markup_percent
from ledger.charge_plans.terms import ChargeDecision, PlanTerms
from schemas.exact import exact_text
from schemas.sentences import exact_dollars

_MS_PER_MINUTE: Final = 60_000


def describe_terms(terms: PlanTerms) -> str:
    """Return what a plan charges, such as `$0.35 per minute, in 60 s steps, 1 min included`."""
    amount = exact_dollars(terms.amount_nano)
    match terms.kind:
        case "per_call":
            return f"{amount} per call"
        case "per_minute":
            parts = [
                f"{amount} per minute",
                f"at least {terms.minimum_seconds} s" if terms.minimum_seconds else "",
                f"in {terms.increment_seconds} s steps" if terms.increment_seconds else "",
                f"{terms.included_minutes} min included" if terms.included_minutes else "",
            ]
            return ", ".join(part for part in parts if part)
        case "cost_plus":
            fixed = f" and {amount}" if terms.amount_nano else ""
            return f"Cost plus {markup_percent(terms)}%{fixed}"
        case "default":
            return "Default price"
        case "ended":
            return "No plan"


def describe_decision(decision: ChargeDecision) -> str:
    """Return how a call was charged, such as `Per minute: 4 min at $0.35, 1 min included`."""
    amount = exact_dollars(decision.amount_nano)
    match decision.kind:
        case "per_call":
            return f"Per call: {amount}"
        case "per_minute":
            minutes = decision.included_minutes
            included = f", {minutes} min included" if minutes else ""
            billed = _duration(decision.billed_ms(decision.duration_ms))
            return f"Per minute: {billed} at {amount}{included}"
        case "cost_plus":
            fixed = f" and {amount}" if decision.amount_nano else ""
            cost = exact_dollars(decision.basis_nano)
            return f"Cost plus {markup_percent(decision)}%{fixed}, of a cost of {cost}"
        case _:
            return "Default price"


def _duration(duration_ms: int) -> str:
    """Return whole minutes as minutes, and any other duration as seconds."""
    minutes, rest_ms = divmod(duration_ms, _MS_PER_MINUTE)
    return f"{exact_text(Decimal(duration_ms).scaleb(-3))} s" if rest_ms else f"{minutes} min"
