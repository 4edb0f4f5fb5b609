"""All charge plans, and the one that applies to a call: pure.

A plan has a scope: a user, a persona, a tag, several of them, or none for all calls. The newest
plan of each scope that is in force at the end of the call counts. If several scopes contain the
call, the most specific one has priority: a scope with a user before one with a persona, and that
before one with a tag. Scopes with tags have priority in the alphabetical order of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ledger.charge_plans.terms import PlanTerms


class OutdatedPlansError(Exception):
    """A call was charged by a plan that is newer than the known ones; read the plans again."""


class PlanScope(NamedTuple):
    """The calls that a plan is for; an empty field does not restrict them."""

    user_id: str = ""
    persona_id: str = ""
    tag_key: str = ""
    tag_value: str = ""


class ChargePlan(NamedTuple):
    """A plan, from a time until the next one of the same scope."""

    plan_id: int
    scope: PlanScope
    effective_from: datetime
    terms: PlanTerms


class CallKind(NamedTuple):
    """The facts of a call that decide its plan."""

    user_id: str
    persona_id: str | None
    tags: Mapping[str, str]


class ChargePlans:
    """All plans at one time; immutable, replaced as a whole when plans are added."""

    def __init__(self, plans: Iterable[ChargePlan] = ()) -> None:
        newest_first = sorted(plans, key=lambda plan: plan.effective_from, reverse=True)
        self._by_scope: dict[PlanScope, list[ChargePlan]] = {}
        for plan in newest_first:
            self._by_scope.setdefault(plan.scope, []).append(plan)
        self._tag_keys = {scope.tag_key for scope in self._by_scope}
        self.version: Final = max((plan.plan_id for plan in newest_first), default=0)
        """The highest plan id; 0 without plans. Plans are only added, with increasing ids."""

    def choose(self, call: CallKind, at: datetime) -> ChargePlan | None:
        """Return the plan that applies to a call that ended at `at`; None if there is none."""
        for scope in self._scopes(call):
            plans = self._by_scope.get(scope, ())
            plan = next((plan for plan in plans if plan.effective_from <= at), None)
            if plan is not None and plan.terms.kind != "ended":
                return plan
        return None

    def _scopes(self, call: CallKind) -> Iterator[PlanScope]:
        """Yield the scopes that contain a call, the most specific first."""
        tags = [(key, value) for key, value in sorted(call.tags.items()) if key in self._tag_keys]
        for user_id in dict.fromkeys((call.user_id, "")):
            for persona_id in dict.fromkeys((call.persona_id or "", "")):
                for tag_key, tag_value in (*tags, ("", "")):
                    yield PlanScope(user_id, persona_id, tag_key, tag_value)


_decode_plans: Final = msgspec.json.Decoder(list[ChargePlan]).decode


def decode_plan_list(text: str | None) -> list[ChargePlan]:
    """Return the plans of a JSON list of arrays; None for no plans."""
    return _decode_plans(text) if text else []
