"""Which calls decide the usual duration of a call."""

import pytest

from ledger.calls.privacy import OTHER_USERS_MIN
from ledger.live.durations import PersonaDurations, UserDurations


def durations(**users: int) -> PersonaDurations:
    """Return the sums of the last calls of some users with a persona, one call each."""
    sums = [UserDurations(name, 1, duration_ms) for name, duration_ms in users.items()]
    everyone = UserDurations(None, len(users), sum(users.values()))
    shown = sums if len(users) <= OTHER_USERS_MIN else []
    return PersonaDurations.of(len(users), [everyone, *shown])


@pytest.mark.parametrize("others", range(OTHER_USERS_MIN))
def test_fewer_than_five_other_users_give_no_mean(others: int) -> None:
    known = durations(**{f"u{number}": 61_234 for number in range(others)}) if others else None
    assert known is None or known.usual_ms("alice") is None


def test_five_other_users_give_a_rough_mean() -> None:
    known = durations(a=61_234, b=61_234, c=61_234, d=61_234, e=61_234)
    assert known.usual_ms("alice") == 61_000
    assert known.usual_ms("a") == 61_234, "with four others it is the user's own, exactly"


def test_own_calls_give_an_exact_mean() -> None:
    assert durations(alice=61_234, bob=1).usual_ms("alice") == 61_234
    assert durations(alice=61_234, bob=1).usual_ms("carol") is None


def test_user_is_not_counted_among_the_others() -> None:
    known = durations(a=10_000, b=20_000, c=30_000, d=40_000, e=50_000, f=60_000)
    assert known.usual_ms("a") == known.usual_ms("stranger") == 35_000
