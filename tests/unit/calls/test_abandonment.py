"""Abandoned calls: any order of events, closings and reopenings gives the plain definition.

A call is abandoned if it has no end, and was last closed when it had all the events that it has.
"""

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.prices.increments import Increments
from schemas.events import RERATE_SOURCE
from tests.support.events import NOW, Plain, charged, cost, decoded, ended, started
from tests.support.expected import expect
from tests.support.expected_prices import time_of
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import DEFAULTS, SamplePrice, catalogue
from tests.support.strategies import arrivals, streams

MINUTES = (
    *(row for row in DEFAULTS if (row.service, row.operation) != ("twilio", "outbound_call")),
    SamplePrice("twilio", "outbound_call", "*", "minutes", "0.014", increments=Increments(60, 60)),
)
CATALOGUE = catalogue(MINUTES)
LAST = NOW + timedelta(seconds=61, microseconds=1_500)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_totals_are_those_of_the_plain_definition_in_any_order(data: st.DataObject) -> None:
    ledger = MemoryLedger(CATALOGUE)
    arrived: list[Plain] = []
    closed: dict[str, int] = {}
    for batch in data.draw(arrivals(data.draw(streams))):
        ledger.record([decoded(plain) for plain in batch])
        arrived += batch
        assert ledger.totals() == expect(arrived, MINUTES, closed=closed).totals
        active = sorted(
            name for name, call in ledger.calls.items() if call.user_id and call.status == "active"
        )
        for name in data.draw(st.lists(st.sampled_from(active), unique=True)) if active else ():
            happened = {
                (one["source"], one["id"]): time_of(one)
                for one in arrived
                if one["data"]["callId"] == name
            }
            ledger.abandon({name: max(happened.values())})
            closed[name] = len(happened)
        assert ledger.totals() == expect(arrived, MINUTES, closed=closed).totals


def an_abandoned_call() -> MemoryLedger:
    ledger = MemoryLedger(CATALOGUE)
    begun = [started(time=NOW), cost(time=LAST, usage=61, unit="seconds")]
    ledger.record([decoded(plain) for plain in begun])
    ledger.abandon({"call-1": LAST})
    return ledger


def test_an_abandoned_call_ends_with_its_last_event_and_is_not_charged() -> None:
    ledger = an_abandoned_call()
    call = ledger.calls["call-1"]
    assert (call.status, call.ended_at, call.ended_by) == ("abandoned", LAST, None)
    assert call.duration_ms == 61_001
    assert (call.charged_nano(), call.default_charge_nano) == (0, 0)
    assert call.costs_by_service()["twilio"] == 28_000_000, "its leg is rounded as at an end"


def test_a_late_cost_opens_it_and_a_late_end_completes_it() -> None:
    ledger = an_abandoned_call()
    ledger.record([decoded(cost(time=NOW, usage=1, unit="seconds"))])
    call = ledger.calls["call-1"]
    assert (call.status, call.ended_at, call.duration_ms) == ("active", None, 0)
    assert call.costs_by_service()["twilio"] == 14_466_666, "the rounding of its leg is undone"
    ledger.abandon({"call-1": LAST})
    ledger.record([decoded(ended(time=NOW))])
    call = ledger.calls["call-1"]
    assert (call.status, call.charged_nano()) == ("completed", 4_990_000_000)


def test_a_charge_opens_it_and_counts() -> None:
    ledger = an_abandoned_call()
    ledger.record([decoded(charged(time=NOW, amount="2.5"))])
    assert ledger.calls["call-1"].charged_nano() == 2_500_000_000
    ledger.abandon({"call-1": LAST})
    assert ledger.calls["call-1"].charged_nano() == 2_500_000_000


def test_a_correction_of_a_price_leaves_it_closed_and_states_its_events_again() -> None:
    ledger = an_abandoned_call()
    correction = decoded(cost(time=NOW, totalCost="0.01"))
    ledger.record([replace(correction, source=RERATE_SOURCE)])
    call = ledger.calls["call-1"]
    assert (call.status, call.ended_at, call.event_count) == ("abandoned", LAST, 3)
    decision = json.loads(ledger.entries[-1].data or "")
    assert decision["abandoned"]["events"] == 3
