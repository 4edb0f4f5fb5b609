"""Months of partitions, bills and archives: each time is in exactly one, to the microsecond."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.operations.archives import KEPT_DAYS, first_kept_month, month_of_partition
from ledger.postgres.partitions import month_bounds, month_of, partition_name
from ledger.reports.focus import COLUMNS, focus_row
from ledger.reports.focus_costs import Cost

MICROSECOND = timedelta(microseconds=1)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC))
EDGES = st.builds(
    lambda year, month, before: datetime(year, month, 1, tzinfo=UTC) - before,
    st.integers(2024, 2032),
    st.integers(1, 12),
    st.sampled_from([timedelta(), MICROSECOND, timedelta(days=1), -MICROSECOND]),
)
TIMES = st.one_of(MOMENTS, EDGES)


@given(TIMES)
def test_partition_of_a_time_contains_it_and_not_its_neighbours(moment: datetime) -> None:
    month = month_of(moment)
    starts, ends = map(datetime.fromisoformat, month_bounds(month))
    assert starts <= moment < ends
    for edge, name in ((starts - MICROSECOND, "before"), (ends, "after")):
        assert month_of(edge) != month, name
    assert month_of(starts) == month_of(ends - MICROSECOND) == month
    assert partition_name(month) == f"call_cost_events_{moment:%Y_%m}"
    assert month_of_partition(partition_name(month)) == starts.date()
    assert month_bounds(month_of(ends))[0] == month_bounds(month)[1]


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_billing_period_of_a_cost_is_the_month_of_its_utc_time(
    moment: datetime, offset: int
) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=offset)))
    row = dict(zip([column.name for column in COLUMNS], focus_row(cost_at(local)), strict=True))
    bounds = row["BillingPeriodStart"], row["BillingPeriodEnd"]
    assert bounds == tuple(map(datetime.fromisoformat, month_bounds(month_of(moment))))
    starts, ends = row["ChargePeriodStart"], row["ChargePeriodEnd"]
    assert isinstance(starts, datetime)
    assert isinstance(ends, datetime)
    assert starts <= moment < ends == starts + timedelta(hours=1)


@given(TIMES)
def test_details_of_the_last_days_are_kept_in_every_month(moment: datetime) -> None:
    kept = first_kept_month(moment)
    assert kept.day == 1
    oldest = (moment - timedelta(days=KEPT_DAYS)).date()
    assert kept <= oldest
    assert (kept.year, kept.month) == (oldest.year, oldest.month)


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        ("2028-03-31T00:00", "2028-02-01"),
        ("2028-04-01T00:00", "2028-03-01"),
        ("2027-03-31T23:59", "2027-02-01"),
        ("2027-01-31T12:00", "2026-12-01"),
        ("2027-02-01T00:00", "2027-01-01"),
        ("2027-03-03T12:00", "2027-01-01"),
    ],
)
def test_months_at_the_ends_of_short_months_and_of_years_are_kept(now: str, kept: str) -> None:
    assert first_kept_month(datetime.fromisoformat(now + "+00:00")) == date.fromisoformat(kept)


def cost_at(time: datetime) -> Cost:
    """Return a recorded cost at a time."""
    return Cost(
        "alice", "call-1", None, None, "cost.recorded", "row-1", time, "twilio", None, None, None,
        Decimal(1), "minutes", None, 1, None, "/emitter", "event-1", False,
    )  # fmt: skip
