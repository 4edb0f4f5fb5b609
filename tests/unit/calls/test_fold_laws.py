"""The end state of the ledger depends only on the set of events, and is exact.

Any order, batching and repeats give the same calls and days, equal to an independent computation
from the whole set.
"""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.call import Call
from schemas.events import Event
from tests.support.events import Plain, decoded
from tests.support.expected import expect
from tests.support.memory_ledger import MemoryLedger
from tests.support.strategies import arrivals, streams

many = settings(max_examples=150, deadline=None)


def recorded(batches: list[list[Plain]]) -> MemoryLedger:
    ledger = MemoryLedger()
    for batch in batches:
        ledger.record([decoded(plain) for plain in batch])
    return ledger


def comparable_calls(call: Call) -> Call:
    """Return a call without its version and without zero sums, which may differ."""
    return msgspec.structs.replace(
        call,
        version=0,
        costs={
            day: kept
            for day, services in call.costs.items()
            if (kept := {service: nano for service, nano in services.items() if nano})
        },
        charges={day: sums for day, sums in call.charges.items() if any(sums)},
        pending_voids=sorted(call.pending_voids),
    )


@many
@given(st.data())
def test_totals_agree_with_an_independent_model(data: st.DataObject) -> None:
    stream = data.draw(streams)
    ledger = recorded(data.draw(arrivals(stream)))
    expected = expect(stream)
    assert ledger.totals() == expected.totals
    assert {event.id for event in ledger.held.values()} == {plain["id"] for plain in expected.held}
    assert set(ledger.unpriced) == {decoded(plain).identity for plain in expected.unpriced}
    assert ledger.refused == []
    assert ledger.conflicts == 0


@many
@given(st.data())
def test_totals_do_not_depend_on_the_order_of_events(data: st.DataObject) -> None:
    stream = data.draw(streams)
    one_by_one = recorded([[plain] for plain in stream])
    otherwise = recorded(data.draw(arrivals(stream)))
    assert {name: comparable_calls(call) for name, call in otherwise.calls.items()} == {
        name: comparable_calls(call) for name, call in one_by_one.calls.items()
    }
    assert otherwise.identities == one_by_one.identities


@many
@given(st.data())
def test_replay_changes_nothing(data: st.DataObject) -> None:
    stream = data.draw(streams)
    ledger = recorded(data.draw(arrivals(stream)))
    calls, entries = dict(ledger.calls), len(ledger.entries)
    for batch in data.draw(arrivals(stream)):
        folded = ledger.record([decoded(plain) for plain in batch])
        assert not folded.entries
        assert not folded.changed
    assert ledger.calls == calls
    assert len(ledger.entries) == entries


@many
@given(st.data())
def test_events_of_another_user_change_nothing(data: st.DataObject) -> None:
    """An event that names another user than the owner is refused, whatever its type."""
    stream = data.draw(streams)
    ledger = recorded(data.draw(arrivals(stream)))
    owned = {name for name, call in ledger.calls.items() if call.user_id}
    foreign = [
        event for plain in data.draw(streams) if (event := stranger(plain)).data.call_id in owned
    ]
    calls, refused = dict(ledger.calls), len(ledger.refused)
    folded = ledger.record(foreign)
    assert not folded.entries
    assert not folded.recorded
    assert ledger.calls == calls
    assert [code for _, code in ledger.refused[refused:]] == ["owner_mismatch"] * len(foreign)


def stranger(plain: Plain) -> Event:
    changed = {**plain, "source": "/stranger", "data": {**plain["data"], "userId": "stranger"}}
    return decoded(changed)


@many
@given(st.data())
def test_recorded_entries_add_up_to_the_totals(data: st.DataObject) -> None:
    """Each counted event has one row, and the days of users are sums over their calls."""
    stream = data.draw(streams)
    ledger = recorded(data.draw(arrivals(stream)))
    totals = ledger.totals()
    rows = [entry.identity for entry in ledger.entries if entry.type != "call.settled"]
    assert len(set(rows)) == len(rows) == totals.events
    assert set(rows) | set(ledger.held) == set(ledger.identities)
    assert totals.cost_nano == sum(sum(call.costs.values()) for call in totals.calls.values())
    assert sum(sums[0] for sums in totals.user_days.values()) == len(totals.calls)
