"""Times from which prices, plans and aliases apply are within the documented years."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.effective_times import EARLIEST_TIME, parse_time

END = datetime(2100, 1, 1, tzinfo=UTC)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=offsets))
def test_a_time_is_accepted_if_its_utc_time_is_within_the_years(moment: datetime) -> None:
    if EARLIEST_TIME <= moment < END:
        assert parse_time(moment.isoformat()) == moment
        assert parse_time(moment.isoformat()).tzinfo is UTC
    else:
        with pytest.raises(ValueError, match="2000 to 2099"):
            parse_time(moment.isoformat())


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("2000-01-01", True),
        ("2000-01-01T00:00:00+00:01", False),
        ("1999-12-31T23:59:00-00:01", True),
        ("2099-12-31T23:59:59.999999", True),
        ("2099-12-31T23:59:59.999999-00:01", False),
        ("2100-01-01T00:00:00+00:01", True),
        ("0001-01-01T00:00:00+14:00", False),
        ("9999-12-31T23:59:59-14:00", False),
    ],
)
def test_an_offset_counts_at_the_edges_of_the_years(text: str, accepted: bool) -> None:
    if accepted:
        assert EARLIEST_TIME <= parse_time(text) < END
    else:
        with pytest.raises(ValueError, match="2000 to 2099"):
            parse_time(text)
