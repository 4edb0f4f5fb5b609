"""The forecast on simulated users: better than simple methods, with reliable intervals."""

from statistics import mean

import pytest

from bench.forecast import CONTENDERS, HORIZONS, OURS, SEED, Scores, measure, report
from bench.forecast_users import DAYS, KINDS, users

USERS = 5


@pytest.fixture(scope="module")
def scores() -> Scores:
    return measure(CONTENDERS, USERS, seed=7)[0]


def test_simulated_users_follow_from_the_seed() -> None:
    for kind in KINDS:
        assert users(kind, 2, 1) == users(kind, 2, 1) != users(kind, 2, 2)
        assert all(len(user.days) == DAYS and any(user.days) for user in users(kind, 2, 1))


@pytest.mark.parametrize("horizon", HORIZONS)
def test_forecast_has_the_smallest_error_overall(scores: Scores, horizon: int) -> None:
    errors = {
        name: mean(scores[kind.name, horizon, name].error_ratio for kind in KINDS)
        for name in CONTENDERS
    }
    assert min(errors, key=lambda name: errors[name]) == OURS, errors


@pytest.mark.parametrize("horizon", HORIZONS)
def test_intervals_have_the_promised_coverage(scores: Scores, horizon: int) -> None:
    inside = [scores[kind.name, horizon, OURS].coverage_percent for kind in KINDS]
    assert 72 <= mean(inside) <= 95, inside


@pytest.mark.parametrize("horizon", HORIZONS)
def test_intervals_contain_the_spending_of_growing_users(horizon: int) -> None:
    """They cover 80 %, even after a few weeks of growth only."""
    growing = [kind for kind in KINDS if kind.name == "growing"]
    scores = measure({OURS: CONTENDERS[OURS]}, 25, SEED, growing)[0]
    assert scores["growing", horizon, OURS].coverage_percent >= 78


def test_report_has_a_table_for_each_horizon(scores: Scores) -> None:
    text = "\n".join(report(scores, list(CONTENDERS), USERS, 1.0))
    assert text.count("### Error ratio") == len(HORIZONS)
    assert text.count("| **mean**") == len(HORIZONS)
    assert "nan" not in text
