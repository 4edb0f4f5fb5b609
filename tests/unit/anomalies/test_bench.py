"""The anomaly rules on simulated users: findings are real, and large spikes are found."""

import pytest

from bench.anomalies import RULES, Tally, measure, report
from bench.anomaly_users import KINDS, SIZES, simulate

USERS = 4


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    return measure(USERS, seed=7)


@pytest.fixture(scope="module")
def every(tallies: dict[str, Tally]) -> Tally:
    both = Tally()
    for tally in tallies.values():
        both.add(tally)
    return both


def share(part: int, whole: int) -> float:
    assert whole
    return part / whole


def test_simulated_users_follow_from_the_seed() -> None:
    kind = KINDS[0]._replace(days=10)
    assert list(simulate(kind, 2, 1)) == list(simulate(kind, 2, 1)) != list(simulate(kind, 2, 2))


def test_found_anomalies_are_real(every: Tally) -> None:
    assert share(every.right["call_spike"], every.found["call_spike"]) >= 0.85
    assert share(every.right["missing_leg"], every.found["missing_leg"]) == 1
    found = sum(every.found[rule] for rule in RULES)
    assert share(sum(every.right[rule] for rule in RULES), found) >= 0.9


def test_large_spikes_are_found_and_larger_ones_more_often(every: Tally) -> None:
    recall = [
        share(every.recalled["call_spike", size], every.put_in["call_spike", size])
        for size in SIZES
    ]
    assert recall == sorted(recall)
    assert recall[-1] >= 0.85
    assert share(every.recalled["missing_leg", 1], every.put_in["missing_leg", 1]) == 1
    largest = SIZES[-1]
    days = share(every.recalled["day_spike", largest], every.put_in["day_spike", largest])
    assert days >= 0.5


def test_few_days_are_reported(every: Tally) -> None:
    assert share(every.found["day_spike"] - every.right["day_spike"], every.checked["days"]) < 0.005


def test_report_has_a_table_for_each_rule(tallies: dict[str, Tally]) -> None:
    text = "\n".join(report(tallies, USERS, 7))
    assert text.count("###") == len(RULES)
    assert text.count("| all ") == len(RULES)
