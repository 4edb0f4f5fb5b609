"""Days and months of any time zone, as sums of quarters of an hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.periods import PeriodType, period_of, quarter_of, time_zones

moments = st.datetimes(
    datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
zones = st.sampled_from(sorted(time_zones()))
kinds: st.SearchStrategy[PeriodType] = st.sampled_from(["daily", "monthly"])


@given(moment=moments)
def test_a_quarter_holds_its_moment(moment: datetime) -> None:
    start = quarter_of(moment)
    assert start <= moment < start + timedelta(minutes=15)
    assert start.timestamp() % 900 == 0


def test_every_zone_keeps_to_quarters_of_an_hour() -> None:
    """Over all the time that an event may lie back, and some years to come."""
    for name in time_zones():
        zone = ZoneInfo(name)
        for month in range(12 * 6):
            moment = datetime(2025 + month // 12, 1 + month % 12, 15, tzinfo=UTC)
            offset = moment.astimezone(zone).utcoffset()
            assert offset is not None
            assert offset % timedelta(minutes=15) == timedelta(0), name


@given(kind=kinds, moment=moments, zone=zones)
def test_a_period_holds_its_moment_and_meets_the_next(
    kind: PeriodType, moment: datetime, zone: str
) -> None:
    period = period_of(kind, moment, zone)
    assert period.start <= moment < period.end
    assert quarter_of(period.start) == period.start
    assert period_of(kind, period.start, zone) == period
    following = period_of(kind, period.end, zone)
    assert following.start == period.end
    assert following.label > period.label
    local = moment.astimezone(ZoneInfo(zone))
    assert period.label == (f"{local:%Y-%m-%d}" if kind == "daily" else f"{local:%Y-%m}")


@pytest.mark.parametrize(
    ("moment", "zone", "hours"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Berlin", 23),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), "Europe/Berlin", 25),
        (datetime(2026, 4, 24, 12, tzinfo=UTC), "Africa/Cairo", 23),  # midnight itself is skipped
        (datetime(2026, 6, 1, 12, tzinfo=UTC), "Asia/Kathmandu", 24),
    ],
)
def test_days_are_as_long_as_the_clocks_make_them(moment: datetime, zone: str, hours: int) -> None:
    day = period_of("daily", moment, zone)
    assert day.end - day.start == timedelta(hours=hours)
