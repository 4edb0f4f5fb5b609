"""Quiet hours in time zones: over midnight, over changes of the clock, for any time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.notifications.quiet_hours import QuietTimes, quiet_until

NIGHT = ("22:00", "07:00")


def until(start: str, end: str, zone: str, now: str) -> str | None:
    """Return the end in UTC, to the minute."""
    ends = quiet_until(QuietTimes(start, end, zone), datetime.fromisoformat(now + "+00:00"))
    return None if ends is None else f"{ends:%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("hours", "zone", "now", "ends"),
    [
        (NIGHT, "UTC", "2026-11-30T21:59", None),
        (NIGHT, "UTC", "2026-11-30T22:00", "2026-12-01T07:00"),
        (NIGHT, "UTC", "2026-12-01T06:59", "2026-12-01T07:00"),
        (NIGHT, "UTC", "2026-12-01T07:00", None),
        (("12:00", "13:00"), "UTC", "2026-12-01T12:30", "2026-12-01T13:00"),
        (("00:00", "23:59"), "UTC", "2026-12-01T23:59", None),
        (NIGHT, "Asia/Kolkata", "2026-12-01T01:29", "2026-12-01T01:30"),
        (NIGHT, "Pacific/Auckland", "2026-12-01T09:00", "2026-12-01T18:00"),
        # Berlin skips 02:00 to 03:00 on March 29, 2026 (01:00 UTC).
        (NIGHT, "Europe/Berlin", "2026-03-28T21:00", "2026-03-29T05:00"),
        (NIGHT, "Europe/Berlin", "2026-03-27T21:00", "2026-03-28T06:00"),
        (("22:00", "02:30"), "Europe/Berlin", "2026-03-29T00:59", "2026-03-29T01:30"),
        (("22:00", "02:30"), "Europe/Berlin", "2026-03-29T01:29", "2026-03-29T01:30"),
        (("22:00", "02:30"), "Europe/Berlin", "2026-03-29T01:30", None),
        (("02:15", "06:00"), "Europe/Berlin", "2026-03-29T01:14", None),
        (("02:15", "06:00"), "Europe/Berlin", "2026-03-29T01:15", "2026-03-29T04:00"),
        # It repeats 02:00 to 03:00 on October 25, 2026 (until 01:00 UTC it is summer).
        (NIGHT, "Europe/Berlin", "2026-10-24T20:00", "2026-10-25T06:00"),
        (("22:00", "02:30"), "Europe/Berlin", "2026-10-25T00:29", "2026-10-25T00:30"),
        (("22:00", "02:30"), "Europe/Berlin", "2026-10-25T01:10", None),
        (("02:30", "06:00"), "Europe/Berlin", "2026-10-25T00:29", None),
        (("02:30", "06:00"), "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T05:00"),
        # Lord Howe changes by half an hour, Apia skipped December 30, 2011.
        (NIGHT, "Australia/Lord_Howe", "2026-04-04T12:00", "2026-04-04T20:30"),
        (NIGHT, "Pacific/Apia", "2011-12-30T09:00", "2011-12-30T17:00"),
        (NIGHT, "Not/AZone", "2026-11-30T23:00", "2026-12-01T07:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_their_zone(
    hours: tuple[str, str], zone: str, now: str, ends: str | None
) -> None:
    assert until(*hours, zone, now) == ends


CLOCKS = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda t: f"{t[0]:02}:{t[1]:02}")
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
     "Pacific/Chatham", "America/St_Johns", "Africa/Casablanca"]
)  # fmt: skip
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(CLOCKS, CLOCKS, ZONES, TIMES)
def test_waiting_ends_within_a_day_and_then_is_over(
    start: str, end: str, zone: str, now: datetime
) -> None:
    """A message is never kept back for good, whatever the clock does."""
    if start == end:
        return
    times = QuietTimes(start, end, zone)
    ends = quiet_until(times, now)
    local = now.astimezone(ZoneInfo(zone))
    changes = {
        (local + timedelta(hours=hours)).replace(tzinfo=None)
        - (now + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        for hours in range(-30, 31)
    }
    if len(changes) == 1:  # no change of the clock nearby: the plain definition
        shown = f"{local:%H:%M}"
        is_quiet = start <= shown < end if start < end else shown >= start or shown < end
        assert (ends is not None) == is_quiet
        if ends is not None:
            assert f"{ends.astimezone(ZoneInfo(zone)):%H:%M}" == end
    if ends is not None:
        assert now < ends <= now + timedelta(hours=25)
        assert quiet_until(times, ends) is None or len(changes) > 1
