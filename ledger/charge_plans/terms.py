"""The terms of a charge plan, and the charge of a call that follows from them: pure.

Everything is an integer, so that a charge is exact and `verify` recomputes it in SQL.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.charge_plans import PlanKind
from schemas.money import MAX_EVENT_NANO, half_even

PPM_PER_PERCENT: Final = 10_000
_PPM: Final = 1_000_000
_MS_PER_MINUTE: Final = 60_000


class PlanTerms(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """The terms of a plan. Money is nano-dollars.

    The kind `default` is the default price, `ended` means that the scope has no plan any more.
    `amount_nano` is the charge per call, per minute, or on top of the cost and its markup, which is
    in millionths of the cost. The other fields are for charges per minute.
    """

    kind: PlanKind
    amount_nano: int = 0
    minimum_seconds: int = 0
    increment_seconds: int = 0
    included_minutes: int = 0
    markup_ppm: int = 0

    def billed_ms(self, duration_ms: int) -> int:
        """Return a duration in whole increments, at least the minimum; 0 stays 0.

        An increment of 0 does not round. The rule is that of vendors (`ledger.prices.increments`).
        """
        if duration_ms <= 0:
            return 0
        step_ms = self.increment_seconds * 1000
        billed_ms = -(-duration_ms // step_ms) * step_ms if step_ms else duration_ms
        return max(self.minimum_seconds * 1000, billed_ms)

    def charge_nano(self, duration_ms: int, basis_nano: int) -> int:
        """Return the charge of a call in nano-dollars, rounded half-even once.

        `basis_nano` is the cost that a markup is added to. A charge is a billion dollars at most.
        """
        match self.kind:
            case "per_call":
                charge = self.amount_nano
            case "per_minute":
                included_ms = self.included_minutes * _MS_PER_MINUTE
                charged_ms = max(0, self.billed_ms(duration_ms) - included_ms)
                charge = half_even(charged_ms * self.amount_nano, _MS_PER_MINUTE)
            case "cost_plus":
                charge = half_even(basis_nano * (_PPM + self.markup_ppm), _PPM) + self.amount_nano
            case _:
                raise ValueError(f"a plan of the kind {self.kind} has no charge of its own")
        return min(charge, MAX_EVENT_NANO)


class ChargeDecision(PlanTerms, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """The plan by which a call is charged, as stored with the call and its settlement.

    `plans` is the highest plan id that was known, so that the choice can be repeated. `plan_id` is
    0 if no plan applied. `duration_ms` and `basis_nano` are what the charge was computed from.
    """

    plans: int
    plan_id: int = 0
    duration_ms: int = 0
    basis_nano: int = 0

    @property
    def follows_cost(self) -> bool:
        """Whether the charge changes with the cost of the call."""
        return self.kind == "cost_plus"

    def charged_nano(self) -> int:
        """Return the charge that the decision states; not for the kind `default`."""
        return self.charge_nano(self.duration_ms, self.basis_nano)


_decision: Final = msgspec.json.Decoder(ChargeDecision)


def decode_decision(stored: str | None) -> ChargeDecision | None:
    """Return a stored decision."""
    return None if stored is None else _decision.decode(stored)
