"""Pending totals: the newest state of each call, and no outbox row deleted too early."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.call import Call
from streams.publishing.pending_totals import PendingTotals

AT = datetime(2026, 3, 14, tzinfo=UTC)
batches = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), max_size=12)
rounds = st.lists(st.tuples(st.integers(1, 7), st.booleans()), max_size=20)


def _call(number: int, version: int) -> Call:
    return Call(call_id=f"call-{number}", user_id="alice", version=version)


@given(batches, rounds)
def test_outbox_rows_are_deleted_after_publication(
    batches_of_calls: list[list[int]], rounds_of_publishing: list[tuple[int, bool]]
) -> None:
    """A row is deleted only after the state of each of its calls was published."""
    waiting, version, published, deleted = PendingTotals(), 0, dict[str, int](), set[int]()
    needed_versions: dict[int, dict[str, int]] = {}
    all_rounds = [*rounds_of_publishing, *[(3, True)] * 40]
    for index, (limit, succeeds) in enumerate(all_rounds):
        if index < len(batches_of_calls):
            version += 1
            calls = [_call(number, version) for number in batches_of_calls[index]]
            needed_versions[100 + index] = {call.call_id: version for call in calls}
            waiting.add(100 + index, calls, AT)
        taken = waiting.take(limit)
        assert len(taken) <= limit
        if not succeeds:
            waiting.put_back(taken)
            continue
        published |= {entry.call.call_id: entry.call.version for entry in taken}
        published_rows = waiting.published_rows()
        for row in published_rows:
            assert all(
                published.get(name, 0) >= version_min
                for name, version_min in needed_versions[row].items()
            )
        waiting.forget(published_rows)
        deleted |= set(published_rows)
    if len(batches_of_calls) <= len(all_rounds) - 30:
        assert not waiting
        assert deleted == set(needed_versions)


def test_half_of_a_round_is_the_latest_changes() -> None:
    waiting = PendingTotals()
    for number in range(10):
        waiting.add(number, [_call(number, 1)], AT)
    taken = {entry.call.call_id for entry in waiting.take(4)}
    assert taken == {"call-9", "call-8", "call-0", "call-1"}


def test_older_state_never_replaces_a_newer_one() -> None:
    waiting = PendingTotals()
    waiting.add(1, [_call(1, 5)], AT)
    taken = waiting.take(1)
    waiting.add(2, [_call(1, 6)], AT)
    waiting.put_back(taken)
    (entry,) = waiting.take(5)
    assert entry.call.version == 6
    assert waiting.published_rows() == [1, 2]
