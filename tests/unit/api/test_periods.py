"""The days of a requested period."""

from datetime import date

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from api.http.problems import Problem
from api.routes.spending import CUSTOM_DAYS_MAX, DayRange, days_of

TODAY = date(2025, 11, 19)


def days(query: str) -> DayRange:
    return days_of(make_mocked_request("GET", f"/spending?{query}"), TODAY)


def custom(start: str, end: str) -> tuple[date, date]:
    return days(f"period=custom&startDate={start}&endDate={end}")[:2]


@pytest.mark.parametrize(
    ("query", "first", "label"),
    [
        ("", date(2025, 10, 20), "Last 30 days"),
        ("period=", date(2025, 10, 20), "Last 30 days"),
        ("period=30d&_=1", date(2025, 10, 20), "Last 30 days"),
        ("period=7d", date(2025, 11, 12), "Last 7 days"),
        ("period=90d", date(2025, 8, 21), "Last 90 days"),
    ],
)
def test_named_periods_end_today(query: str, first: date, label: str) -> None:
    assert days(query) == (first, TODAY, label)


def test_period_consists_of_whole_days() -> None:
    period = days("").period()
    assert period.start.isoformat() == "2025-10-20T00:00:00+00:00"
    assert period.end.isoformat() == "2025-11-19T23:59:59+00:00"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-11-01", date(2025, 11, 1)),
        ("20251101", date(2025, 11, 1)),
        ("2025-11-01T23:59:59", date(2025, 11, 1)),
        ("2025-11-01T23:59:59Z", date(2025, 11, 1)),
        ("2025-11-01T00:30:00%2B02:00", date(2025, 10, 31)),
        ("2025-11-01T23:30:00-02:00", date(2025, 11, 2)),
    ],
)
def test_days_are_utc(text: str, day: date) -> None:
    assert custom(text, "2025-11-02") == (day, date(2025, 11, 2))


def test_custom_period_is_labelled_by_its_days() -> None:
    named = days("period=custom&startDate=2025-11-01&endDate=2025-11-02T12:00:00Z")
    assert named.label == "2025-11-01 to 2025-11-02"


@given(start=st.dates(max_value=date(9000, 1, 1)), length=st.integers(0, CUSTOM_DAYS_MAX - 1))
def test_longest_period_is_accepted(start: date, length: int) -> None:
    end = date.fromordinal(start.toordinal() + length)
    assert custom(start.isoformat(), end.isoformat()) == (start, end)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("period=1d", "period"),
        ("period=7D", "period"),
        ("period=7d&period=30d", "period"),
        ("period=custom", "startDate"),
        ("period=custom&startDate=2025-11-01", "endDate"),
        ("period=custom&endDate=2025-11-01", "startDate"),
        ("period=custom&startDate=&endDate=2025-11-01", "startDate"),
        ("period=custom&startDate=yesterday&endDate=2025-11-01", "startDate"),
        ("period=custom&startDate=2025-02-30&endDate=2025-11-01", "startDate"),
        ("period=custom&startDate=2025-11-01&startDate=2025-11-01&endDate=2025-11-01", "startDate"),
        ("period=custom&startDate=0001-01-01T00:00:00%2B10:00&endDate=0001-01-02", "startDate"),
        ("period=custom&startDate=2025-11-02&endDate=2025-11-01", "endDate"),
        ("period=custom&startDate=2024-10-15&endDate=2025-11-19", "endDate"),
        ("startDate=2025-11-01&endDate=2025-11-02", "startDate"),
        ("period=7d&endDate=2025-11-02", "endDate"),
        ("period=custom&startDate=2025-11-01%00&endDate=2025-11-02", "startDate"),
        ("period=custom&startDate=\u0662025-11-01&endDate=2025-11-02", "startDate"),
    ],
)
def test_invalid_parameter_is_refused_by_name(query: str, name: str) -> None:
    with pytest.raises(Problem) as refused:
        days(query)
    assert refused.value.status == 400
    assert refused.value.code == "invalid_parameter"
    assert f"`{name}`" in refused.value.message
    assert "\n" not in refused.value.message


@given(st.text(max_size=40))
def test_any_date_is_read_or_refused(text: str) -> None:
    request = make_mocked_request("GET", "/spending")
    url = request.rel_url.with_query({"period": "custom", "startDate": text, "endDate": text})
    try:
        named = days_of(request.clone(rel_url=url), TODAY)
    except Problem as problem:
        named = None
        status = problem.status
    assert named is not None or status == 400
