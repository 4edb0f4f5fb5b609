"""Whether a prepaid balance ends within some days: a rule without a clock or a database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.credits.balance import NEVER, Balance, CreditGrant
from ledger.credits.low_balance import ending_alert, ends_soon
from ledger.credits.rows import Account

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY, USD = timedelta(days=1), 10**9
NEAR = Fraction(1, 500)
"""Days: the rule counts whole seconds and whole nano-dollars an hour."""


@dataclass
class Left:
    """What is left of a grant, in nano-dollars, and the days after which it ends; None for never."""

    nano: int
    days: int | None


def account(left: list[Left], drawn_nano: int, days: int | None, debt: int = 0) -> Account:
    grants = [
        CreditGrant(
            str(number), one.nano, NOW - DAY, NEVER if one.days is None else NOW + one.days * DAY
        )
        for number, one in enumerate(left)
    ]
    balance = Balance({str(number): one.nano for number, one in enumerate(left)}, {}, debt)
    return Account("alice", grants, balance, None, drawn_nano, days)


def plain_end(left: list[Left], nano_per_day: Fraction) -> Fraction | None:
    """Return after how many days nothing is left, if what ends first is drawn first."""
    rest = sorted((one.days, Fraction(one.nano)) for one in left if one.days is not None)
    for_ever = sum((Fraction(one.nano) for one in left if one.days is None), Fraction())
    at = Fraction()
    while rest:
        end = Fraction(rest[0][0])
        total = for_ever + sum(nano for _, nano in rest)
        if nano_per_day and total <= nano_per_day * (end - at):
            return at + total / nano_per_day
        drawn = nano_per_day * (end - at)
        later: list[tuple[int, Fraction]] = []
        for days, nano in rest:
            taken = min(nano, drawn)
            drawn -= taken
            if days != rest[0][0]:
                later.append((days, nano - taken))
        for_ever -= drawn
        rest, at = later, end
        if not for_ever + sum(nano for _, nano in rest):
            return at
    return at + for_ever / nano_per_day if nano_per_day else None


lefts = st.lists(
    st.builds(Left, st.integers(1, 50).map(lambda usd: usd * USD), st.none() | st.integers(1, 40)),
    min_size=1,
    max_size=4,
)


@given(lefts, st.integers(0, 200), st.integers(1, 90))
def test_a_balance_ends_soon_as_its_plain_definition_says(
    left: list[Left], week_usd: int, days: int
) -> None:
    end = plain_end(left, Fraction(week_usd * USD, 7))
    assume(end is None or abs(end - days) > NEAR)
    assert ends_soon(account(left, week_usd * USD, days), NOW) is (end is not None and end < days)


def test_without_chosen_days_nothing_ends_soon() -> None:
    assert not ends_soon(account([Left(USD, 1)], 100 * USD, None), NOW)


def test_a_used_up_balance_changes_nothing() -> None:
    """The alert of the amount zero says it."""
    for known in (False, True):
        empty = account([], 7 * USD, 3, debt=USD)._replace(ends_soon=known)
        assert ends_soon(empty, NOW) is known


def test_a_refund_beyond_the_charges_of_a_week_is_no_pace() -> None:
    assert not ends_soon(account([Left(USD, None)], -5 * USD, 90), NOW)


def test_alert_names_the_end_of_the_balance_and_each_crossing_raises_another_one() -> None:
    crossing = account([Left(10 * USD, None)], 35 * USD, 3)
    alert = ending_alert(crossing, NOW)
    assert alert is not None
    assert alert.lasts_until == NOW + 2 * DAY
    assert alert.message == (
        "Your prepaid balance of $10.00 lasts until December 2, 2026"
        " at your recent pace of $5.00 a day."
    )
    later = ending_alert(crossing._replace(ends_soon=True), NOW + DAY)
    assert later is not None
    assert later.alert_id == alert.alert_id
    for other in (crossing._replace(ends_soon_count=1), crossing._replace(low_balance_days=4)):
        another = ending_alert(other, NOW)
        assert another is not None
        assert another.alert_id != alert.alert_id
