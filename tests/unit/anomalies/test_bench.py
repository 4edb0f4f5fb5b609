"""The anomaly rules on simulated users: findings are real, and large spikes are found."""

import pytest

from bench.anomalies import RULES, AnomalyTally, measure, report
from bench.anomaly_users import KINDS, SIZES, simulate

USERS = 4


@pytest.fixture(scope="module")
def tallies() -> dict[str, AnomalyTally]:
    return measure(USERS, seed=7)


@pytest.fixture(scope="module")
def all_kinds(tallies: dict[str, AnomalyTally]) -> AnomalyTally:
    both = AnomalyTally()
    for tally in tallies.values():
        both.add(tally)
    return both


def share(part: int, whole: int) -> float:
    assert whole
    return part / whole


def test_simulated_users_follow_from_the_seed() -> None:
    kind = KINDS[0]._replace(days=10)
    assert list(simulate(kind, 2, 1)) == list(simulate(kind, 2, 1)) != list(simulate(kind, 2, 2))


def test_found_anomalies_are_real(all_kinds: AnomalyTally) -> None:
    assert share(all_kinds.correct["call_spike"], all_kinds.found["call_spike"]) >= 0.85
    assert share(all_kinds.correct["missing_leg"], all_kinds.found["missing_leg"]) == 1
    found = sum(all_kinds.found[rule] for rule in RULES)
    assert share(sum(all_kinds.correct[rule] for rule in RULES), found) >= 0.9


def test_large_spikes_are_found_and_larger_ones_more_often(all_kinds: AnomalyTally) -> None:
    recall = [
        share(all_kinds.recognized["call_spike", size], all_kinds.injected["call_spike", size])
        for size in SIZES
    ]
    assert recall == sorted(recall)
    assert recall[-1] >= 0.85
    assert share(all_kinds.recognized["missing_leg", 1], all_kinds.injected["missing_leg", 1]) == 1
    largest = SIZES[-1]
    days = share(
        all_kinds.recognized["day_spike", largest], all_kinds.injected["day_spike", largest]
    )
    assert days >= 0.5


def test_few_days_are_reported(all_kinds: AnomalyTally) -> None:
    assert (
        share(
            all_kinds.found["day_spike"] - all_kinds.correct["day_spike"], all_kinds.checked["days"]
        )
        < 0.005
    )


def test_report_has_a_table_for_each_rule(tallies: dict[str, AnomalyTally]) -> None:
    text = "\n".join(report(tallies, USERS, 7))
    assert text.count("###") == len(RULES)
    assert text.count("| all ") == len(RULES)
