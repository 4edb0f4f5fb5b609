"""Which days are unusual: weekdays, growth, days explained by their calls; laws of the rules."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from ledger.anomalies.day_spikes import (
    DAYS_MIN,
    EXCESS_NANO_MIN,
    DaySpike,
    day_spikes,
    history_days,
    resolved_parts,
    usual_range,
)
from tests.support.anomalies import USD
from tests.support.ledger_rows import CENT


def days(*amounts_of_week: int, weeks: int = 8) -> list[dict[str, int]]:
    return [{"tts": nano} if nano else {} for nano in amounts_of_week * weeks]


def day(
    observed: dict[str, int], past_days: list[dict[str, int]], **options: object
) -> list[DaySpike]:
    return list(day_spikes(observed, past_days, **options))  # type: ignore[arg-type]


def test_day_is_compared_with_the_same_weekday() -> None:
    week = days(9 * USD, 9 * USD, 9 * USD, 9 * USD, 9 * USD, 2 * USD, 2 * USD)
    assert not day({"tts": 9 * USD}, week)  # a Monday
    assert not day({"tts": 2 * USD}, week[:-2])  # a Saturday
    [spike] = day({"tts": 30 * USD}, week[:-2])
    assert (spike.service, spike.observed_nano, spike.driver) == ("tts", 30 * USD, "tts")
    assert abs(spike.expected_nano - 2 * USD) < 10**6  # its square root is whole


def test_few_days_or_small_amounts_are_not_a_spike() -> None:
    steady = days(*[USD] * 7)
    assert not day({"tts": 50 * USD}, steady[: DAYS_MIN - 1])
    assert day({"tts": 50 * USD}, steady[:DAYS_MIN])
    assert not day({"tts": 100 * CENT}, days(*[CENT] * 7))
    assert day({"tts": 102 * CENT}, days(*[CENT] * 7))


def test_usual_range_ends_where_spikes_begin() -> None:
    week = days(9 * USD, 9 * USD, 9 * USD, 9 * USD, 9 * USD, 8 * USD, 2 * USD)
    usual = usual_range([one["tts"] for one in week])
    assert usual is not None
    assert usual.low_nano < 9 * USD < usual.high_nano
    assert not day({"tts": usual.high_nano * 99 // 100}, week)
    assert day({"tts": usual.high_nano * 101 // 100}, week)
    assert usual_range([USD] * (DAYS_MIN - 1)) is None


def test_usual_range_of_small_costs_reaches_the_smallest_reported_excess() -> None:
    cents = usual_range([10 * CENT] * DAYS_MIN)
    assert cents is not None
    assert cents.high_nano >= 10 * CENT + EXCESS_NANO_MIN
    assert not day({"tts": cents.high_nano * 99 // 100}, days(*[10 * CENT] * 7))


def test_usual_range_needs_enough_days_with_a_cost() -> None:
    assert usual_range([USD] * (DAYS_MIN - 1)) is None
    assert usual_range([0] * DAYS_MIN) is None


def test_repeated_high_day_is_not_a_spike() -> None:
    steady = days(*[USD] * 7)
    steady[10] = {"tts": 40 * USD}
    assert day({"tts": 50 * USD}, steady)
    steady[20] = {"tts": 40 * USD}
    assert not day({"tts": 50 * USD}, steady)


def test_infrequent_user_is_compared_with_days_of_calls() -> None:
    weekends = days(0, 0, 0, 0, 0, 4 * USD, 4 * USD)
    assert not day({"tts": 4 * USD}, weekends)
    assert day({"tts": 20 * USD}, weekends)
    assert not day({"tts": 20 * USD}, days(0, 0, 0, 0, 0, 0, 4 * USD))  # too seldom


def test_rise_of_all_services_is_one_spike() -> None:
    week = [{"tts": 4 * USD, "stt": USD, "line": USD}] * 56
    [spike] = day({"tts": 40 * USD, "stt": 10 * USD, "line": 10 * USD}, week)
    assert (spike.service, spike.driver) == (None, "tts")
    both = day({"tts": 400 * USD, "stt": 10 * USD, "line": 10 * USD}, week)
    assert [one.service for one in both] == ["tts", None]  # two causes
    assert not day({"tts": 40 * USD, "stt": 10 * USD, "line": 10 * USD}, week, raised={""})
    assert not day({"tts": 40 * USD, "stt": USD, "line": USD}, week, raised={"tts"})


def test_day_explained_by_its_calls_is_not_a_spike() -> None:
    week = days(*[4 * USD] * 7)
    assert day({"tts": 40 * USD}, week)
    assert not day({"tts": 40 * USD}, week, explained={"tts": 36 * USD})
    assert resolved_parts(["tts", ""], {"tts": 40 * USD}, week, {"tts": 36 * USD}) == ["tts", ""]
    assert resolved_parts(["tts", ""], {"tts": 40 * USD}, week, {}) == []
    assert resolved_parts(["tts"], {}, week, {}) == ["tts"]
    assert resolved_parts(["tts"], {}, week[:3], {}) == []


def test_steady_growth_is_not_a_spike() -> None:
    growing = [{"tts": USD * (100 + 3 * n) // 10} for n in range(56)]
    assert not day({"tts": USD * (100 + 3 * 56) // 10}, growing)


roots = st.lists(st.integers(0, 200_000), min_size=28, max_size=56)


@given(roots, st.integers(0, 500_000), st.integers(2, 30))
def test_score_of_a_day_does_not_depend_on_scale(
    history: list[int], today: int, scale: int
) -> None:
    small = day({"a": today**2}, [{"a": root**2} for root in history])
    large = day({"a": (today * scale) ** 2}, [{"a": (root * scale) ** 2} for root in history])
    if small:
        assert (
            abs(large[0].score_hundredths - small[0].score_hundredths)
            <= 1 + small[0].score_hundredths // 100
        )


def test_history_starts_at_the_first_day() -> None:
    assert history_days(date(2026, 3, 1), date(2026, 3, 3)) == [date(2026, 3, 1), date(2026, 3, 2)]
    assert len(history_days(date(2020, 1, 1), date(2026, 3, 3))) == 56
    assert history_days(date(2026, 3, 3), date(2026, 3, 3)) == []


@given(st.integers(1, 10 * USD), st.integers(DAYS_MIN, 56))
def test_constant_history_has_no_spike(nano: int, number: int) -> None:
    assert not day({"a": nano}, [{"a": nano}] * number)


@given(roots, st.integers(0, 500_000), st.integers(1, 500_000))
def test_higher_cost_is_never_less_of_a_spike(history: list[int], today: int, more: int) -> None:
    past_days = [{"a": root**2} for root in history]
    if day({"a": today**2}, past_days):
        assert day({"a": (today + more) ** 2}, past_days)
