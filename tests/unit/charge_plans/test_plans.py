"""Which charge plan applies to a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from ledger.charge_plans.plans import CallKind, ChargePlan, ChargePlans, PlanScope
from ledger.charge_plans.terms import PlanTerms
from schemas.charge_plans import PlanKind

START = datetime(2026, 1, 1, tzinfo=UTC)
CALL = CallKind("ann", "sales", {"campaign": "spring", "team": "a"})


def at(days: int) -> datetime:
    return START + timedelta(days=days)


def plan(plan_id: int, scope: PlanScope, days: int = 0, kind: PlanKind = "per_call") -> ChargePlan:
    return ChargePlan(plan_id, scope, at(days), PlanTerms(kind=kind, amount_nano=plan_id))


def chosen(plans: list[ChargePlan], call: CallKind = CALL, days: int = 9) -> int | None:
    found = ChargePlans(plans).choose(call, at(days))
    return None if found is None else found.plan_id


def test_the_most_specific_plan_applies_in_any_order() -> None:
    scopes = [
        PlanScope("ann"),
        PlanScope(persona_id="sales"),
        PlanScope(tag_key="campaign", tag_value="spring"),
        PlanScope(tag_key="team", tag_value="a"),
        PlanScope(),
    ]
    for order in permutations(enumerate(scopes, 1)):
        plans = [plan(number, scope) for number, scope in order]
        assert chosen(plans) == 1
        assert chosen([one for one in plans if one.plan_id > 1]) == 2
        assert chosen([one for one in plans if one.plan_id > 2]) == 3
        assert chosen([one for one in plans if one.plan_id > 3]) == 4
        assert chosen([one for one in plans if one.plan_id > 4]) == 5
    assert chosen([plan(1, PlanScope("ann")), plan(2, PlanScope("ann", "sales"))]) == 2


def test_plans_of_other_calls_do_not_apply() -> None:
    plans = [
        plan(1, PlanScope("bob")),
        plan(2, PlanScope(persona_id="support")),
        plan(3, PlanScope(tag_key="campaign", tag_value="autumn")),
        plan(4, PlanScope("ann", "support")),
    ]
    assert chosen(plans) is None
    assert (
        chosen([*plans, plan(5, PlanScope(persona_id="sales"))], CallKind("ann", None, {})) is None
    )


def test_a_plan_is_in_force_until_the_next_one_of_its_scope() -> None:
    plans = [
        plan(1, PlanScope(), 1),
        plan(2, PlanScope(), 3),
        plan(3, PlanScope("ann"), 2, "ended"),
    ]
    assert [chosen(plans, days=days) for days in range(5)] == [None, 1, 1, 2, 2]


def test_an_ended_plan_gives_way_and_a_default_one_does_not() -> None:
    plans = [plan(1, PlanScope()), plan(2, PlanScope("ann")), plan(3, PlanScope("ann"), 5, "ended")]
    assert chosen(plans) == 1
    assert chosen([*plans, plan(4, PlanScope("ann"), 6, "default")]) == 4


_scopes = st.builds(
    PlanScope,
    st.sampled_from(["", "ann", "bob"]),
    st.sampled_from(["", "sales"]),
    st.just(""),
    st.just(""),
).flatmap(
    lambda scope: st.sampled_from(
        [
            scope,
            scope._replace(tag_key="campaign", tag_value="spring"),
            scope._replace(tag_key="team", tag_value="b"),
            scope._replace(tag_key="team", tag_value="a"),
        ]
    )
)


@given(
    st.lists(
        st.tuples(_scopes, st.integers(0, 9), st.sampled_from(["per_call", "ended", "default"])),
        max_size=12,
        unique_by=lambda row: row[:2],
    ),
    st.integers(0, 9),
)
def test_the_choice_is_that_of_the_plain_definition(
    rows: list[tuple[PlanScope, int, PlanKind]], days: int
) -> None:
    plans = [plan(number, *row) for number, row in enumerate(rows, 1)]
    newest: dict[PlanScope, ChargePlan] = {}
    for one in sorted(plans, key=lambda one: one.effective_from):
        if one.effective_from <= at(days):
            newest[one.scope] = one
    matching = [
        one
        for scope, one in newest.items()
        if scope.user_id in {"", CALL.user_id}
        and scope.persona_id in {"", CALL.persona_id}
        and scope.tag_value == CALL.tags.get(scope.tag_key, "")
        and one.terms.kind != "ended"
    ]
    ranked = sorted(
        matching,
        key=lambda one: (
            not one.scope.user_id,
            not one.scope.persona_id,
            not one.scope.tag_key,
            one.scope.tag_key,
        ),
    )
    assert chosen(plans, days=days) == (ranked[0].plan_id if ranked else None)
