"""Which calls are stuck, and what ending one saves."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.stuck_calls.due_calls import ActiveCallTimes, DueCalls
from ledger.stuck_calls.rules import (
    CallActivity,
    CallLimits,
    Silence,
    find_silence,
    is_abandoned,
    next_check,
)
from tests.support.events import NOW

LIMITS = CallLimits(timedelta(seconds=120), timedelta(hours=4))


def at(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


STUCK = CallActivity(
    call_id="call-1",
    user_id="alice",
    version=1,
    begun_at=NOW - at(600),
    updated_at=NOW - at(20),
    last_at=NOW - at(20),
    turn_at=NOW - at(120),
    turn_seen_at=NOW - at(120),
    cost_at=NOW - at(20),
    turn_nano=30_000_000,
    total_nano=90_000_000,
)


def test_a_call_is_silent_from_the_limit_after_its_last_turn_on() -> None:
    found = find_silence(STUCK, LIMITS, NOW)
    assert found == Silence(NOW - at(120), at(100), 30_000_000, timedelta(hours=4) - at(600))
    assert find_silence(STUCK, LIMITS, NOW - timedelta(microseconds=1)) is None
    assert next_check(STUCK, LIMITS, NOW - at(1)) == NOW
    assert next_check(STUCK, LIMITS, NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"turn_at": None, "turn_seen_at": None},  # a plain phone call has no turns
        {"cost_at": None},
        {"cost_at": NOW - at(61)},  # only the speech of the last turn
        {"cost_at": NOW - at(61), "turn_at": NOW - at(999)},  # it does not cost any more
        {"turn_seen_at": NOW - at(119)},  # the turn arrived late
    ],
)
def test_other_calls_are_not_silent(change: dict[str, Any]) -> None:
    assert find_silence(STUCK._replace(**change), LIMITS, NOW) is None


def test_rules_can_be_turned_off() -> None:
    assert find_silence(STUCK, CallLimits(timedelta(), timedelta(hours=4)), NOW) is None
    assert not is_abandoned(STUCK, CallLimits(at(120), timedelta()), NOW + timedelta(days=9))


@given(st.integers(1, 10**15), st.integers(1, 10**8), st.integers(0, 10**8))
def test_the_saving_is_the_cost_per_minute_times_the_time_until_the_lifetime(
    nano: int, lasts_ms: int, remaining_ms: int
) -> None:
    lasts, remaining = timedelta(milliseconds=lasts_ms), timedelta(milliseconds=remaining_ms)
    silence = Silence(NOW, lasts, nano, remaining)
    distance = abs(silence.savings_nano() * lasts_ms - nano * remaining_ms)
    assert 2 * distance <= lasts_ms, "rounded once, to the nearest nano-dollar"
    assert abs(silence.minute_nano() * lasts_ms - nano * 60_000) * 2 <= lasts_ms


def test_the_saving_of_the_documented_stuck_call_is_exact() -> None:
    """2 cents a minute for the 3 hours 50 minutes that are left: 4.60 dollars."""
    silence = Silence(NOW, at(90), 30_000_000, timedelta(hours=3, minutes=50))
    assert (silence.minute_nano(), silence.savings_nano()) == (20_000_000, 4_600_000_000)


def test_a_call_is_abandoned_a_lifetime_after_its_last_event_arrived() -> None:
    last = STUCK.updated_at
    assert is_abandoned(STUCK, LIMITS, last + timedelta(hours=4))
    assert not is_abandoned(STUCK, LIMITS, last + timedelta(hours=4) - at(1))
    late = STUCK._replace(last_at=last - timedelta(days=9))
    assert not is_abandoned(late, LIMITS, last + timedelta(hours=4) - at(1))


def test_a_call_is_read_when_it_may_have_become_silent_and_not_before() -> None:
    due = DueCalls(LIMITS)
    call = ActiveCallTimes("call-1", NOW - at(600), STUCK.updated_at)
    assert due.select([call._replace(first_at=NOW - at(119))], NOW) == []
    assert due.select([call], NOW) == ["call-1"]
    talked = STUCK._replace(turn_at=NOW - at(5), turn_seen_at=NOW - at(5))
    due.note(talked, NOW)
    later = call._replace(updated_at=NOW + at(50))
    assert due.select([later], NOW + at(114)) == []
    assert due.select([later], NOW + at(115)) == ["call-1"]
    due.note(STUCK, NOW)
    assert due.select([call], NOW + at(999)) == [], "without a change it stays as it is"
    assert due.select([later], NOW + at(999)) == ["call-1"]
    assert due.select([call], STUCK.updated_at + timedelta(hours=4)) == ["call-1"]
    assert due.select([], NOW) == []
    assert due.select([call], NOW + at(999)) == ["call-1"], "an ended call was forgotten"
