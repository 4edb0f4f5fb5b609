"""The period that another one is compared with."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reports.comparison import TimeRange, range_before

NOW = datetime(2025, 11, 19, 12, 7, tzinfo=UTC)


def texts(first: str, last: str, now: datetime = NOW) -> tuple[str, str]:
    """Return the range before the days, as texts without seconds and offset."""
    found = range_before(date.fromisoformat(first), date.fromisoformat(last), now)
    earliest, before = (f"{moment:%Y-%m-%d %H:%M}" for moment in found)
    return earliest, before


@pytest.mark.parametrize(
    ("first", "last", "compared"),
    [
        ("2025-11-19", "2025-11-19", ("2025-11-18 00:00", "2025-11-18 12:15")),
        ("2025-11-13", "2025-11-19", ("2025-11-06 00:00", "2025-11-12 12:15")),
        ("2025-11-12", "2025-11-18", ("2025-11-05 00:00", "2025-11-12 00:00")),
        ("2025-11-01", "2025-11-19", ("2025-10-01 00:00", "2025-10-19 12:15")),
        ("2025-10-01", "2025-10-31", ("2025-09-01 00:00", "2025-10-01 00:00")),
        ("2025-02-01", "2025-02-28", ("2025-01-01 00:00", "2025-02-01 00:00")),
        ("2025-11-01", "2025-11-10", ("2025-10-22 00:00", "2025-11-01 00:00")),
        ("2025-12-01", "2025-12-07", ("2025-11-24 00:00", "2025-11-24 00:00")),
    ],
)
def test_days_are_compared_with_as_many_and_months_with_the_month_before(
    first: str, last: str, compared: tuple[str, str]
) -> None:
    assert texts(first, last) == compared


@pytest.mark.parametrize(
    ("last", "compared"),
    [
        ("2025-12-01", ("2025-11-30 00:00", "2025-11-30 12:15")),
        ("2025-12-02", ("2025-11-01 00:00", "2025-11-02 12:15")),
    ],
)
def test_first_of_a_month_is_a_day_and_two_days_are_a_month(
    last: str, compared: tuple[str, str]
) -> None:
    now = datetime.fromisoformat(f"{last}T12:07Z")
    assert texts("2025-12-01", last, now) == compared


def test_long_month_so_far_is_compared_with_the_whole_short_month() -> None:
    now = datetime(2025, 3, 30, 9, tzinfo=UTC)
    assert texts("2025-03-01", "2025-03-30", now) == ("2025-02-01 00:00", "2025-03-01 00:00")


@given(back=st.sampled_from([7, 30, 90]), now=st.datetimes(timezones=st.just(UTC)))
def test_rolling_days_are_compared_with_as_many_days_on_each_day(back: int, now: datetime) -> None:
    """Once a month the last 7 days and today are the days of the month so far."""
    if now.toordinal() <= 2 * back + 1:
        return
    first, last = now.date() - timedelta(days=back), now.date()
    earliest, before = range_before(first, last, now, is_rolling=True)
    midnight = datetime.combine(first, time(tzinfo=UTC))
    assert earliest == midnight - timedelta(days=back + 1)
    assert timedelta() < before - earliest - (now - midnight) <= timedelta(minutes=15)


def test_last_quarter_of_a_day_compares_whole_days() -> None:
    now = datetime(2025, 11, 19, 23, 50, tzinfo=UTC)
    assert texts("2025-11-19", "2025-11-19", now) == ("2025-11-18 00:00", "2025-11-19 00:00")


@given(first=st.dates(), length=st.integers(0, 399), now=st.datetimes(timezones=st.just(UTC)))
def test_any_days_have_a_range_that_ends_before_they_begin(
    first: date, length: int, now: datetime
) -> None:
    last = date.fromordinal(min(first.toordinal() + length, date.max.toordinal()))
    earliest, before = range_before(first, last, now)
    assert earliest <= before
    assert before <= datetime.combine(first, time(tzinfo=UTC)) or TimeRange(now, now) == (
        earliest,
        before,
    )
    assert before - earliest <= timedelta(days=400)
