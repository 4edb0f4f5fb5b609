"""Charge plans for tests, and the plain definition of what they charge.

The definition shares nothing with the ledger: fractions of a dollar, and a search through all plans.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from ledger.charge_plans.entry import add_plans
from ledger.charge_plans.plans import ChargePlan, PlanScope
from ledger.charge_plans.rows import PlanRow
from ledger.charge_plans.terms import PlanTerms
from ledger.postgres.database import connected
from schemas.charge_plans import PlanKind
from tests.support.prices import ALWAYS

NANO = 10**9


class SamplePlan(NamedTuple):
    """A plan: `usd` per call, per minute, or on top of the cost and `markup` percent of it."""

    kind: PlanKind
    usd: str = "0"
    user: str = ""
    persona: str = ""
    tag: tuple[str, str] = ("", "")
    minimum: int = 0
    increment: int = 1
    included: int = 0
    markup: str = "0"
    since: datetime = ALWAYS

    def stored(self, plan_id: int) -> ChargePlan:
        """Return the plan as the ledger has it."""
        terms = PlanTerms(
            kind=self.kind,
            amount_nano=int(Fraction(self.usd) * NANO),
            minimum_seconds=self.minimum,
            increment_seconds=self.increment if self.kind == "per_minute" else 0,
            included_minutes=self.included,
            markup_ppm=int(Fraction(self.markup) * 10_000),
        )
        return ChargePlan(plan_id, PlanScope(self.user, self.persona, *self.tag), self.since, terms)


def stored_plans(plans: Sequence[SamplePlan]) -> list[ChargePlan]:
    """Return plans as the ledger has them; their ids are their positions, counted from 1."""
    return [plan.stored(number) for number, plan in enumerate(plans, 1)]


class ChargedCall(NamedTuple):
    """The facts of a call that its charge follows from; the cost is nano-dollars."""

    user: str
    persona: str | None
    tags: dict[str, str]
    ended_at: datetime
    duration_ms: int
    cost_nano: int


def planned_charge(plans: Sequence[SamplePlan], call: ChargedCall) -> Fraction | None:
    """Return what a call is charged in dollars; None for the default charge."""
    candidates = [plan for plan in plans if _is_for(plan, call) and plan.since <= call.ended_at]
    in_force = [
        plan
        for plan in candidates
        if all(other.since <= plan.since for other in candidates if _scope(other) == _scope(plan))
        and plan.kind != "ended"
    ]
    if not in_force:
        return None
    return _charge(max(in_force, key=_priority), call)


def _scope(plan: SamplePlan) -> tuple[object, ...]:
    return plan.user, plan.persona, plan.tag


def _is_for(plan: SamplePlan, call: ChargedCall) -> bool:
    return (
        plan.user in ("", call.user)
        and plan.persona in ("", call.persona)
        and (not plan.tag[0] or call.tags.get(plan.tag[0]) == plan.tag[1])
    )


def _priority(plan: SamplePlan) -> tuple[bool, bool, bool, list[int]]:
    """Return a key that is greater for more specific plans; the first tag key has priority."""
    key = [-ord(letter) for letter in plan.tag[0]]
    return bool(plan.user), bool(plan.persona), bool(key), key


def _charge(plan: SamplePlan, call: ChargedCall) -> Fraction | None:
    if plan.kind == "default":
        return None
    dollars = Fraction(plan.usd)
    if plan.kind == "per_call":
        return dollars
    if plan.kind == "cost_plus":
        return Fraction(call.cost_nano, NANO) * (1 + Fraction(plan.markup) / 100) + dollars
    billed = timedelta()
    if call.duration_ms:
        while billed < timedelta(milliseconds=call.duration_ms):
            billed += timedelta(seconds=plan.increment)
        billed = max(billed, timedelta(seconds=plan.minimum))
    minutes = Fraction(int(billed.total_seconds()), 60) - plan.included
    return max(Fraction(0), minutes) * dollars


async def enter_plans(database_url: str, *plans: SamplePlan) -> None:
    """Enter plans in their order, so that the first one has the id 1."""
    async with connected(database_url, name="tests") as connection:
        for plan in plans:
            _, scope, since, terms = plan.stored(0)
            await add_plans(connection, [PlanRow(scope, since, terms, "tests")], set_by="tests")
