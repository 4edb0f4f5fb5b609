"""Costs that are rated while decoding count the same as costs rated while recording."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.batch_changes import BatchChanges, KnownState
from ledger.calls.call import Call
from ledger.calls.fold import fold
from ledger.calls.rating import RatedCost, original_event, rate_if_priced
from ledger.recording.new_events import NewEvents
from schemas.cloudevents import decode
from schemas.events import CallStarted
from tests.support.events import NOW, WINDOW, Plain, cost, decoded, started, structured
from tests.support.prices import DEFAULTS, SamplePrice, catalogue
from tests.support.rated_costs import as_entry

PRICES = catalogue()


def rated(plain: Plain) -> RatedCost:
    original = structured(plain)
    found = rate_if_priced(decode(original, (), WINDOW), PRICES, original)
    assert isinstance(found, RatedCost)
    return found


def owned_by(user: str) -> KnownState:
    """Return known calls: one that has started and belongs to this user."""
    call = Call(call_id="call-1", user_id=user, first_at=NOW, event_count=1, version=1)
    call.start(CallStarted(call_id="call-1", user_id=user, persona_id="brad_001"), NOW, "0" * 32)
    return KnownState({"call-1": call})


def only_row(folded: BatchChanges) -> tuple[str, int]:
    [row] = map(as_entry, folded.entries)
    return row.user_id, row.cost_nano


def test_rated_cost_restores_its_event() -> None:
    plain = cost(model="nova-2", service="deepgram", operation="streaming_stt", unit_cost=None)
    assert rated(plain).event() == decoded(plain)


def test_unpriced_event_stays_unchanged() -> None:
    for plain in (started(), cost(service="nobody-knows-it")):
        event = decoded(plain)
        assert rate_if_priced(event, PRICES) is event
        assert original_event(event) is event


def test_held_cost_above_the_limit_at_newer_prices_is_refused_unchanged() -> None:
    """What is refused is the event of the batch, not what was decoded of it once more."""
    dearer = catalogue(
        [*DEFAULTS, SamplePrice("elevenlabs", "tts", "*", "characters", "1", since=NOW)]
    )
    plain = cost(user=None, service="elevenlabs", operation="tts", unit="characters", usage=10**12)
    cost_of_batch = rated(plain)
    new = NewEvents([cost_of_batch])
    new.refuse(fold(list(new.by_identity.values()), KnownState(), dearer).refused)
    [(refused, why)] = new.refused
    assert refused is cost_of_batch
    assert why.code == "invalid_event"


@given(usage=st.integers(0, 10**6) | st.decimals(0, 10**6, places=3))
def test_newer_prices_apply_to_rated_costs(usage: int | Decimal) -> None:
    """The price catalogue may grow between decoding and recording; the newer prices apply."""
    dearer = catalogue(
        [*DEFAULTS, SamplePrice("twilio", "outbound_call", "*", "minutes", "1", since=NOW)]
    )
    plain = cost(usage=usage)
    early = fold([rated(plain)], owned_by("alice"), dearer)
    whole_event = fold([decoded(plain)], owned_by("alice"), dearer)
    assert only_row(early) == only_row(whole_event) == ("alice", usage * 10**9)
    assert early.spend.changed() == whole_event.spend.changed()
    assert early.movements.changed_costs() == whole_event.movements.changed_costs()


def test_cost_without_a_user_belongs_to_the_owner_of_the_call() -> None:
    """A batch may be repeated after the call turned out to have another owner."""
    one = rated(cost(user=None))
    assert only_row(fold([one], owned_by("alice"), PRICES)) == ("alice", 14_000_000)
    assert only_row(fold([one], owned_by("bob"), PRICES)) == ("bob", 14_000_000)


def test_cost_of_another_user_is_refused_on_both_paths() -> None:
    for event in (rated(cost(user="mallory")), decoded(cost(user="mallory"))):
        folded = fold([event], owned_by("alice"), PRICES)
        assert not folded.entries
        assert [refusal.code for _, refusal in folded.refused] == ["owner_mismatch"]


def test_costs_that_only_add_to_a_call_count_like_others() -> None:
    plains = [cost(usage=usage, estimated=usage % 2 == 0) for usage in range(1, 6)]
    grown = fold([rated(plain) for plain in plains], owned_by("alice"), PRICES)
    others = fold([decoded(plain) for plain in plains], owned_by("alice"), PRICES)
    assert grown.grown == {"call-1"}
    assert not others.grown
    assert grown.changed["call-1"] == others.changed["call-1"]
    assert grown.spend.changed() == others.spend.changed()
    assert grown.movements.changed_costs() == others.movements.changed_costs()
    assert list(map(as_entry, grown.entries)) == list(map(as_entry, others.entries))
