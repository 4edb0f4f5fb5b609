"""When digests are due and which days they are about, in time zones and over clock changes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.scheduled_notices.times import (
    DigestKind,
    digest_window,
    next_due,
    spread_of,
)

KINDS = st.sampled_from(["daily_digest", "weekly_digest"])
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
     "Pacific/Chatham", "Pacific/Apia", "America/Sao_Paulo"]
)  # fmt: skip
TIMES = st.datetimes(datetime(2012, 1, 1), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


@pytest.mark.parametrize(
    ("kind", "zone", "now", "label", "start", "end"),
    [
        ("daily_digest", "UTC", "2026-11-30T07:10", "2026-11-29", "2026-11-29T00:00", "2026-11-30T00:00"),
        ("daily_digest", "Asia/Kolkata", "2026-11-30T01:40", "2026-11-29", "2026-11-28T18:30", "2026-11-29T18:30"),
        # The day on which Berlin skips an hour, and the one on which it repeats one.
        ("daily_digest", "Europe/Berlin", "2026-03-30T05:10", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("daily_digest", "Europe/Berlin", "2026-10-26T06:10", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("weekly_digest", "UTC", "2026-11-30T07:10", "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("weekly_digest", "UTC", "2026-12-06T23:59", "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("weekly_digest", "America/New_York", "2026-11-30T04:59", "2026-W47", "2026-11-16T05:00", "2026-11-23T05:00"),
        ("weekly_digest", "Europe/Berlin", "2026-10-26T06:10", "2026-W43", "2026-10-18T22:00", "2026-10-25T23:00"),
        ("weekly_digest", "UTC", "2027-01-04T07:00", "2026-W53", "2026-12-28T00:00", "2027-01-04T00:00"),
    ],
)  # fmt: skip
def test_digest_is_about_the_last_whole_day_or_week(
    kind: DigestKind, zone: str, now: str, label: str, start: str, end: str
) -> None:
    window = digest_window(kind, zone, at(now))
    assert (window.label, window.start, window.end) == (label, at(start), at(end))
    assert window.before < window.start


@given(KINDS, ZONES, TIMES, st.text(max_size=20))
def test_digests_follow_each_other_without_gap_and_overlap(
    kind: DigestKind, zone: str, now: datetime, user_id: str
) -> None:
    due = [now]
    for _ in range(8):
        due.append(next_due(kind, user_id, zone, due[-1]))
    windows = [digest_window(kind, zone, one) for one in due[1:]]
    for earlier, later in pairwise(windows):
        assert (later.before, later.start) == (earlier.start, earlier.end)
    assert len({window.label for window in windows}) == len(windows)
    for one, window in zip(due[1:], windows, strict=True):
        assert window.end <= one
        local = (one - spread_of(user_id)).astimezone(ZoneInfo(zone))
        assert local.hour in {7, 8}  # 8 where the clock skips 7
        assert kind == "daily_digest" or local.weekday() == 0
    most = timedelta(days=1 if kind == "daily_digest" else 7, hours=25)
    assert all(timedelta() < b - a <= most for a, b in pairwise(due))


def test_users_are_spread_over_an_hour() -> None:
    minutes = [0] * 60
    for number in range(10_000):
        minutes[spread_of(f"user-{number}") // timedelta(minutes=1)] += 1
    assert max(minutes) < 2 * 10_000 / 60
    assert min(minutes) > 0.5 * 10_000 / 60
