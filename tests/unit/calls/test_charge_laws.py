"""What a call is charged depends only on the set of its events and on the plans, and is exact."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.call import Call
from tests.support.charge_plans import SamplePlan, stored_plans
from tests.support.events import Plain, cost, decoded, ended
from tests.support.expected import expect
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import DEFAULTS, catalogue
from tests.support.strategies import OWNERS, TIMES, arrivals, streams

many = settings(max_examples=150, deadline=None)

_terms = st.sampled_from(
    (
        SamplePlan("per_call", "1.25"),
        SamplePlan("per_call", "0"),
        SamplePlan("per_minute", "0.35", minimum=60, increment=60, included=1),
        SamplePlan("per_minute", "0.0000007", minimum=10, increment=6),
        SamplePlan("cost_plus", markup="33.3333"),
        SamplePlan("cost_plus", "0.10", markup="0.0001"),
        SamplePlan("default"),
        SamplePlan("ended"),
    )
)
_plans = st.lists(
    st.builds(
        lambda terms, user, persona, tag, since: terms._replace(
            user=user, persona=persona, tag=tag, since=since
        ),
        _terms,
        st.sampled_from(("", "", *OWNERS.values())),
        st.sampled_from(("", "", "sarah_001", "brad_001")),
        st.sampled_from((("", ""), ("", ""), ("campaign", "spring"), ("team", "red"))),
        st.sampled_from([time - timedelta(days=2) for time in TIMES]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda plan: (plan.user, plan.persona, plan.tag, plan.since),
)


def _ending(stream: list[Plain], ends: list[str]) -> list[Plain]:
    """Return a stream that ends some calls, and states no charge but a tag and a persona of them."""
    kept = [
        one
        for one in stream
        if one["data"]["callId"] not in ends or one["type"] not in {"call.charged", "call.ended"}
    ]
    added = [
        event
        for call in ends
        for event in (
            ended(call, OWNERS[call], id=f"end of {call}", duration_seconds="61.5", time=TIMES[-1]),
            cost(call, OWNERS[call], id=f"tag of {call}", tags={"team": "red"}, time=TIMES[0]),
            cost(call, OWNERS[call], id=f"persona of {call}", personaId="sarah_001", time=TIMES[0]),
        )
    ]
    return kept + added


_ending_streams = st.builds(
    _ending, streams, st.lists(st.sampled_from(sorted(OWNERS)), min_size=1, unique=True)
)
"""Streams in which the ledger decides the charge of at least one call."""


def recorded(batches: list[list[Plain]], plans: list[SamplePlan]) -> MemoryLedger:
    ledger = MemoryLedger(catalogue(DEFAULTS, stored_plans(plans)))
    for batch in batches:
        ledger.record([decoded(plain) for plain in batch])
    return ledger


@many
@given(st.data())
def test_charges_agree_with_the_plain_definition_in_any_order(data: st.DataObject) -> None:
    stream, plans = data.draw(_ending_streams), data.draw(_plans)
    ledger = recorded(data.draw(arrivals(stream)), plans)
    assert ledger.totals() == expect(stream, plans=plans).totals


@many
@given(st.data())
def test_the_last_settlement_states_the_plan_and_the_charge(data: st.DataObject) -> None:
    """From the recorded decisions a charge can be computed again."""
    stream, plans = data.draw(_ending_streams), data.draw(_plans)
    ledger = recorded(data.draw(arrivals(stream)), plans)
    for call in ledger.calls.values():
        plan = call.charge_plan
        if plan is None:
            assert not plans or not is_due(call)
        elif plan.kind != "default":
            assert plan.charged_nano() == call.default_charge_nano


def is_due(call: Call) -> bool:
    return call.status == "completed" and not call.charge_count and call.user_id is not None
