"""Which calls decide what a call usually lasts and costs."""

import pytest

from ledger.calls.privacy import OTHER_USERS_MIN
from ledger.live.usual_calls import (
    CallLengths,
    CallSums,
    PersonaCalls,
    ServiceSums,
    UsualServiceCost,
)


def calls_of(**users: int) -> PersonaCalls:
    """Return the sums of one call of each user, of so many milliseconds and nano-dollars."""
    shown = users if len(users) <= OTHER_USERS_MIN else {}
    sums = [sums_of(name, [duration_ms]) for name, duration_ms in shown.items()]
    return PersonaCalls.of(len(users), [sums_of(None, list(users.values())), *sums])


def sums_of(user: str | None, durations: list[int]) -> CallSums:
    total, count = sum(durations), len(durations)
    return CallSums(
        user,
        count,
        CallLengths(total, count, 333),
        CallLengths(total, 2 * total, 111),
        {"elevenlabs": ServiceSums(count, count, total), "stripe": ServiceSums(1, 1, 445)},
    )


@pytest.mark.parametrize("others", range(1, OTHER_USERS_MIN))
def test_fewer_than_five_other_users_give_nothing(others: int) -> None:
    assert calls_of(**{f"u{number}": 61_234 for number in range(others)}).usual("alice") is None


def test_five_other_users_give_rounded_means() -> None:
    calls = calls_of(a=61_234, b=61_234, c=61_234, d=61_234, e=61_234)
    usual = calls.usual("alice")
    assert usual is not None
    assert usual.duration_ms == 61_000
    own = calls.usual("a")
    assert own is not None
    assert own.duration_ms == 61_234, "with four others it is the user's own, exactly"


def test_own_calls_give_exact_means() -> None:
    usual = calls_of(alice=61_234, bob=1).usual("alice")
    assert usual is not None
    assert usual.duration_ms == 61_234
    assert usual.announced_lengths == CallLengths(61_234, 2 * 61_234, 111)
    assert usual.costs == {
        "elevenlabs": UsualServiceCost(61_234, 1000),
        "stripe": UsualServiceCost(445, 1000),
    }
    assert calls_of(alice=61_234, bob=1).usual("carol") is None


def test_service_of_few_users_is_not_shown_to_others() -> None:
    calls = calls_of(a=10_000, b=20_000, c=30_000, d=40_000, e=50_000, f=60_000)
    for user in ("a", "stranger"):
        usual = calls.usual(user)
        assert usual is not None
        assert usual.duration_ms == 35_000, "a user is not counted among the others"
        assert usual.costs == {"elevenlabs": UsualServiceCost(35_000, 1000)}
