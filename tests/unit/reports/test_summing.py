"""Which periods are summed, and when."""

from datetime import datetime, timedelta

import pytest

from ledger.calls.periods import hours_of
from ledger.reports.summing import SummedPeriod, SummedRange, SummingDelays, next_spans

DELAYS = SummingDelays(
    quiet=timedelta(minutes=1), hour=timedelta(minutes=15), day=timedelta(days=1)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


def hour(text: str, changed_at: datetime | None = None) -> SummedPeriod:
    return SummedPeriod(SummedRange(at(text), at(text) + timedelta(hours=1)), changed_at)


def day(text: str, changed_at: datetime | None = None) -> SummedPeriod:
    return SummedPeriod(SummedRange(at(text), at(text) + timedelta(days=1)), changed_at)


def due(periods: list[SummedPeriod], now: str) -> list[SummedRange]:
    first_day = None if periods else at("01 00:00")
    return list(next_spans(periods, first_day, at(now), DELAYS))


@pytest.mark.parametrize(
    ("now", "days", "hours"),
    [
        ("01 01:14", 0, 0),
        ("01 01:15", 0, 1),
        ("02 00:15", 0, 24),
        ("02 23:59", 0, 47),
        ("03 00:00", 1, 23),
        ("03 00:15", 1, 24),
        ("09 00:15", 7, 24),
    ],
)
def test_old_days_are_summed_whole_and_later_ones_by_hour(now: str, days: int, hours: int) -> None:
    spans = due([], now)
    assert [end - start for start, end in spans] == [timedelta(days=1)] * days + [
        timedelta(hours=1)
    ] * hours
    assert [span.starts for span in spans[1:]] == [span.ends for span in spans[:-1]]


def test_changed_period_is_summed_again_once_it_is_quiet() -> None:
    now = at("03 00:10")
    periods = [
        day("01 00:00", now - timedelta(minutes=1)),
        hour("02 00:00", now - timedelta(seconds=59)),
        hour("02 01:00", now - timedelta(hours=1)),
        hour("02 02:00"),
    ]
    again = list(next_spans(periods, None, now, DELAYS))[:2]
    assert again == [periods[0].span, periods[2].span]


def test_hours_become_a_day_and_the_next_hours_follow() -> None:
    hours = [hour(f"01 {number:02}:00", at("01 12:00")) for number in range(24)]
    assert due([*hours, hour("02 00:00")], "03 00:00") == [
        day("01 00:00").span,
        *(hour(f"02 {number:02}:00").span for number in range(1, 23)),
    ]


def test_missing_periods_are_summed() -> None:
    periods = [day("03 00:00"), hour("05 01:00")]
    found = next_spans(periods, at("01 00:00"), at("05 02:15"), DELAYS)
    assert list(found) == [
        *(day(f"{number} 00:00").span for number in ("01", "02", "04")),
        hour("05 00:00").span,
    ]


def test_unfinished_day_of_hours_becomes_one_day() -> None:
    assert due([hour("01 00:00"), hour("01 01:00")], "03 00:00")[:2] == [
        day("01 00:00").span,
        hour("02 00:00").span,
    ]


def test_hours_of_times_are_whole_and_unique() -> None:
    times = [at("01 10:59:59.9"), None, at("01 10:00"), at("01 11:00"), at("01 09:30")]
    assert hours_of(times) == [at("01 09:00"), at("01 10:00"), at("01 11:00")]
    assert hours_of([]) == []
