"""Rates are averages over the last seconds."""

from cost_analytics.monitor.rates import WINDOW_SECONDS, MonitorReading, RecentReadings
from cost_analytics.monitor.text import amount


def rates(*readings: tuple[int, int, dict[str, int]]) -> RecentReadings:
    made = RecentReadings()
    for at_ms, records, costs in readings:
        made.add(MonitorReading(at_ms, records, costs))
    return made


def test_one_reading_has_no_rate() -> None:
    made = rates((5_000, 100, {"c": 10}))
    assert made.records_per_second() == 0
    assert made.nano_per_minute("c") == 0


def test_rates_are_those_between_the_first_and_the_last_reading() -> None:
    made = rates((0, 100, {"c": 10}), (1_000, 250, {"c": 40}), (2_000, 300, {"c": 70}))
    assert made.records_per_second() == 100
    assert made.nano_per_minute("c") == 30 * 60


def test_a_call_that_began_later_has_its_own_first_reading() -> None:
    made = rates((0, 0, {}), (1_000, 0, {"new": 5}), (3_000, 0, {"new": 25}))
    assert made.nano_per_minute("new") == 10 * 60
    assert made.nano_per_minute("unknown") == 0


def test_readings_older_than_the_window_do_not_count() -> None:
    after = 1_000 * WINDOW_SECONDS
    made = rates((0, 0, {}), (1_000, 9_000, {}), (1_000 + after, 9_000 + WINDOW_SECONDS, {}))
    assert made.records_per_second() == 1


def test_a_log_that_was_emptied_has_no_negative_rate() -> None:
    assert rates((0, 1_000, {}), (1_000, 10, {})).records_per_second() == 0


def test_amounts_are_rounded_to_hundredths_of_a_cent() -> None:
    assert [amount(nano) for nano in (0, 50_000, 150_000, 1_234_567_890_123, -100_000)] == [
        "$0.0000",
        "$0.0000",
        "$0.0002",
        "$1,234.5679",
        "-$0.0001",
    ]
