"""Days and months in any time zone, as sums of quarter hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.periods import PeriodType, period_of, quarter_of
from schemas.time_zones import time_zones

moments = st.datetimes(
    datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
zones = st.sampled_from(sorted(time_zones()))
kinds: st.SearchStrategy[PeriodType] = st.sampled_from(["daily", "weekly", "monthly"])
MICROSECOND = timedelta(microseconds=1)


def name_of(kind: PeriodType, moment: datetime, zone: str) -> str:
    """Return the name that the calendar of a zone has for a time."""
    local = moment.astimezone(ZoneInfo(zone))
    if kind == "weekly":
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02}"
    return f"{local:%Y-%m-%d}" if kind == "daily" else f"{local:%Y-%m}"


@given(moment=moments)
def test_quarter_hour_contains_its_moment(moment: datetime) -> None:
    start = quarter_of(moment)
    assert start <= moment < start + timedelta(minutes=15)
    assert start.timestamp() % 900 == 0


def test_every_time_zone_aligns_to_quarter_hours() -> None:
    """For all times that an event may have, and some future years."""
    for name in time_zones():
        zone = ZoneInfo(name)
        for month in range(12 * 6):
            moment = datetime(2025 + month // 12, 1 + month % 12, 15, tzinfo=UTC)
            offset = moment.astimezone(zone).utcoffset()
            assert offset is not None
            assert offset % timedelta(minutes=15) == timedelta(0), name


@given(kind=kinds, moment=moments, zone=zones)
def test_periods_are_contiguous(kind: PeriodType, moment: datetime, zone: str) -> None:
    period = period_of(kind, moment, zone)
    assert period.start <= moment < period.end
    assert quarter_of(period.start) == period.start
    assert period_of(kind, period.start, zone) == period
    following = period_of(kind, period.end, zone)
    assert following.start == period.end
    assert following.label > period.label
    assert period.label == name_of(kind, moment, zone)


@given(kind=kinds, moment=moments, zone=zones)
def test_periods_contain_their_first_and_last_microsecond_only(
    kind: PeriodType, moment: datetime, zone: str
) -> None:
    period = period_of(kind, moment, zone)
    edges = (period.start - MICROSECOND, period.start, period.end - MICROSECOND, period.end)
    names = [name_of(kind, edge, zone) == period.label for edge in edges]
    assert names == [False, True, True, False]
    assert [period_of(kind, edge, zone) == period for edge in edges] == names


@pytest.mark.parametrize(
    ("moment", "zone", "hours"),
    [
        (datetime(2028, 2, 29, 12, tzinfo=UTC), "Europe/Berlin", 24),
        (datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Berlin", 23),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), "Europe/Berlin", 25),
        (datetime(2026, 4, 24, 12, tzinfo=UTC), "Africa/Cairo", 23),  # midnight itself is skipped
        (datetime(2026, 6, 1, 12, tzinfo=UTC), "Asia/Kathmandu", 24),
    ],
)
def test_days_have_the_length_of_their_time_zone(moment: datetime, zone: str, hours: int) -> None:
    day = period_of("daily", moment, zone)
    assert day.end - day.start == timedelta(hours=hours)
