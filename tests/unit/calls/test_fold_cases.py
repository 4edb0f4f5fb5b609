"""Single steps of the fold that are easy to get wrong; test_fold_laws has the general laws."""

from datetime import timedelta

import pytest

from ledger.calls.rating import rate_if_priced
from tests.support.events import (
    NOW,
    Plain,
    charged,
    cost,
    decoded,
    ended,
    refunded,
    started,
    voided,
)
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import catalogue

A_MINUTE = 14_000_000
INFRASTRUCTURE = 35_000_000
LATER = NOW + timedelta(minutes=1)


def after(*batches: list[Plain]) -> MemoryLedger:
    ledger = MemoryLedger()
    for batch in batches:
        ledger.record([decoded(plain) for plain in batch])
    return ledger


def usage_nano(ledger: MemoryLedger, call: str = "call-1") -> int:
    """Return the telephony cost of a call."""
    return ledger.calls[call].costs_by_service().get("twilio", 0)


WANTED = cost(id="wanted", estimated=True)
START = started(id="start")
VOID = voided(WANTED, id="void")
AGAIN = voided(WANTED, id="void-again")
QUIET = voided(WANTED, id="void-quiet", user=None)
QUIET_COST = cost(id="wanted", user=None, estimated=True)


@pytest.mark.parametrize(
    "batches",
    [
        [[WANTED], [VOID]],
        [[VOID], [WANTED]],
        [[WANTED, VOID]],
        [[VOID, WANTED]],
        [[WANTED], [VOID], [AGAIN]],
        [[VOID], [AGAIN], [WANTED]],
        [[VOID], [WANTED], [AGAIN]],
        [[WANTED], [VOID, AGAIN]],
        [[VOID, WANTED, AGAIN]],
        [[QUIET], [WANTED]],
        [[QUIET], [START], [WANTED]],
        [[QUIET_COST], [QUIET], [START]],
        [[QUIET], [QUIET_COST], [START]],
        [[QUIET_COST], [QUIET, START]],
        [[QUIET_COST], [VOID]],
        [[VOID], [QUIET_COST]],
        [[QUIET_COST, QUIET, START]],
        [[QUIET_COST, QUIET], [START, AGAIN]],
    ],
)
def test_voided_cost_does_not_count(batches: list[list[Plain]]) -> None:
    """The void may come before, after, with its cost, or twice, in any batch."""
    ledger = after(*batches)
    call = ledger.calls["call-1"]
    assert usage_nano(ledger) == 0
    assert ledger.totals().cost_nano == INFRASTRUCTURE
    assert call.estimated_count == 0
    assert call.pending_voids == []
    assert not ledger.held


def test_void_reverses_the_cost_on_its_day() -> None:
    yesterday = cost(id="old", time=NOW - timedelta(days=1))
    ledger = after([yesterday], [voided(yesterday)])
    assert {key[1:] for key in ledger.totals().user_day_costs} == {
        ("2026-03-14", "", name) for name in ("raindrop", "vercel", "vultr")
    }


def test_void_applies_to_its_own_call_only() -> None:
    elsewhere = voided(WANTED, call="call-2")
    for batches in ([[WANTED], [elsewhere]], [[elsewhere], [WANTED]], [[elsewhere, WANTED]]):
        ledger = after(*batches)
        assert usage_nano(ledger) == A_MINUTE
    both = after([WANTED], [elsewhere, VOID])
    assert usage_nano(both) == 0
    assert usage_nano(after([WANTED], [VOID, elsewhere])) == 0


def test_only_costs_can_be_voided() -> None:
    charge = charged(fee="0.30")
    ledger = after([charge], [voided(charge)], [voided(voided(charge))])
    assert ledger.calls["call-1"].charged_nano() == 4_990_000_000
    assert ledger.calls["call-1"].costs_by_service()["stripe"] == 300_000_000


def test_void_of_an_unknown_cost_changes_nothing() -> None:
    ledger = after([started()], [voided(cost())])
    assert ledger.totals().cost_nano == INFRASTRUCTURE


def test_refused_cost_can_be_resent_and_voided() -> None:
    too_costly = cost(id="x", service="vendor", usage=10**12, unitCost=1)
    priced = cost(id="x", service="vendor", totalCost=1)
    ledger = after([too_costly], [priced])
    assert [code for _, code in ledger.refused] == ["invalid_event"]
    assert ledger.totals().cost_nano == 10**9 + INFRASTRUCTURE
    assert ledger.conflicts == 0


def test_events_of_unknown_calls_are_held_and_count_once() -> None:
    waiting = [cost(user=None), charged(user=None), refunded(user=None), ended(user=None)]
    ledger = after(waiting, waiting)
    assert len(ledger.held) == 4
    assert ledger.totals().calls == {}
    assert ledger.entries == []
    call = ledger.calls["call-1"]
    assert (call.held_count, call.user_id) == (4, None)
    ledger.record([decoded(plain) for plain in waiting])
    ledger.record([decoded(started())])
    assert ledger.held == {}
    assert ledger.calls["call-1"].held_count == 0
    assert ledger.totals().events == 5
    assert usage_nano(ledger) == A_MINUTE
    ledger.record([decoded(plain) for plain in waiting])
    assert ledger.totals().events == 5


def test_events_without_a_price_are_held_too_and_listed_once_counted() -> None:
    waiting = [cost(user=None, service="vendor"), charged(user=None, processor="vendor")]
    ledger = after(waiting)
    assert (len(ledger.held), ledger.unpriced) == (2, {})
    ledger.record([decoded(started())])
    assert [row.type for row in ledger.unpriced.values()] == ["cost.recorded", "call.charged"]
    assert ledger.calls["call-1"].event_count == 3
    assert ledger.totals().cost_nano == INFRASTRUCTURE


@pytest.mark.parametrize("split", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True])
def test_voided_cost_without_a_price_is_not_listed(split: int, reverse: bool) -> None:
    unpriced = cost(id="unpriced", service="vendor")
    events = [unpriced, voided(unpriced)][:: -1 if reverse else 1]
    ledger = after(events[:split], events[split:])
    assert (ledger.unpriced, ledger.refused) == ({}, [])
    assert ledger.totals().cost_nano == INFRASTRUCTURE


def test_new_events_without_a_price_are_counted_for_the_stop_of_the_stream() -> None:
    """Held ones when they are held, and not again when their call becomes known."""
    ledger = MemoryLedger()
    held = [cost(user=None, service="vendor"), charged(user=None, processor="vendor"), cost()]
    batches = [held[:2], [started(), cost(service="vendor")], [cost(user="bob", service="vendor")]]
    missing = [
        len(ledger.record([decoded(plain) for plain in batch]).missing_prices) for batch in batches
    ]
    assert missing == [2, 1, 0]


def test_refused_event_does_not_create_its_call() -> None:
    costly = cost(user="mallory", service="vendor", usage=10**12, unitCost=1)
    ledger = after([cost(user=None)], [costly], [started()])
    assert ledger.calls["call-1"].user_id == "alice"
    assert usage_nano(ledger) == A_MINUTE


def test_first_named_user_owns_the_call() -> None:
    ledger = after([cost(user="alice")], [started(user="bob"), cost(user="bob")])
    assert ledger.calls["call-1"].user_id == "alice"
    assert ledger.calls["call-1"].persona_id is None
    assert [code for _, code in ledger.refused] == ["owner_mismatch"] * 2
    assert {key[0] for key in ledger.totals().user_days} == {"alice"}


def test_earliest_start_describes_the_call() -> None:
    first = started(persona="sarah_001", direction="inbound", time=NOW)
    second = started(persona="brad_001", expectedDuration_seconds=60, time=LATER)
    for batches in ([[first], [second]], [[second], [first]], [[second, first]]):
        call = after(*batches).calls["call-1"]
        assert (call.persona_id, call.direction) == ("sarah_001", "inbound")
        assert call.expected_duration_ms is None
        assert call.started_at == NOW


def test_cost_names_the_persona_until_the_call_starts() -> None:
    early = cost(personaId="early", time=NOW - timedelta(minutes=1))
    late = cost(personaId="late", time=LATER)
    assert after([late], [early]).calls["call-1"].persona_id == "early"
    assert after([early], [late]).calls["call-1"].persona_id == "early"
    announced = after([early], [started(persona="announced", time=LATER)], [late])
    assert announced.calls["call-1"].persona_id == "announced"


def test_changed_persona_moves_all_days_of_the_call() -> None:
    ledger = after(
        [cost(personaId="first", time=NOW)],
        [charged(time=NOW - timedelta(days=1)), ended(time=LATER)],
        [started(persona="announced", time=LATER)],
    )
    totals = ledger.totals()
    assert {key[2] for key in totals.user_day_costs} == {"announced"}
    assert {key[1:] for key in totals.user_days} == {("2026-03-14", "announced")}


def test_id_conflict_never_counts() -> None:
    ledger = after([WANTED], [{**WANTED, "time": LATER}, cost(id="wanted", usage=2)])
    assert ledger.conflicts == 2
    assert usage_nano(ledger) == A_MINUTE
    assert ledger.totals().events == 1


def test_only_costs_can_be_estimates() -> None:
    """A computed processor fee is no estimate that an emitter has yet to replace."""
    ledger = after([WANTED, charged()])
    estimates = {entry.type for entry in ledger.entries if entry.estimated}
    assert estimates == {"cost.recorded"}
    assert ledger.calls["call-1"].estimated_count == 1


def test_known_tags_leave_a_call_growing() -> None:
    """A cost that repeats its call's tags, or has later ones, is written as a plain cost."""
    prices = catalogue()
    ledger = MemoryLedger(prices)
    ledger.record([decoded(started(tags={"campaign": "spring", "team": "red"}))])

    def grown(tags: dict[str, str] | None) -> set[str]:
        rated = rate_if_priced(decoded(cost(tags=tags, time=LATER)), prices)
        return ledger.record([rated]).grown

    for known in (None, {"campaign": "spring", "team": "blue"}, {"team": "red"}):
        assert grown(known) == {"call-1"}
    assert grown({"region": "eu"}) == set()
    assert ledger.calls["call-1"].tags == {"campaign": "spring", "team": "red", "region": "eu"}


def test_voided_cost_keeps_its_tags_in_any_order() -> None:
    tagged = cost(id="tagged", tags={"campaign": "spring"})
    void = voided(tagged, tags={"team": "red"}, time=LATER)
    for batches in ([[tagged], [void]], [[void], [tagged]], [[void, tagged]]):
        assert after(*batches).calls["call-1"].tags == {"campaign": "spring", "team": "red"}


def test_eleventh_key_is_dropped_and_an_earlier_one_takes_its_place() -> None:
    ten = {f"key{number}": "first" for number in range(10)}
    ledger = after([started(tags=ten)], [ended(time=LATER, tags={"key9": "late", "later": "no"})])
    assert ledger.calls["call-1"].tags == ten
    ledger.record([decoded(cost(time=NOW - timedelta(hours=1), tags={"earlier": "yes"}))])
    assert ledger.calls["call-1"].tags == {"earlier": "yes", **dict(sorted(ten.items())[:9])}


def test_tags_of_a_refused_event_do_not_count() -> None:
    ledger = after([started()], [cost(user="mallory", tags={"team": "red"})])
    assert [code for _, code in ledger.refused] == ["owner_mismatch"]
    assert ledger.calls["call-1"].tags is None
