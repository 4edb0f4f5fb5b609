"""The table of attacks: a successful attack fails its test; rows of a case are summed."""

from dataclasses import asdict
from typing import Any

import pytest

from tests.support.attacks import ATTACKS, AttackFigures, AttackRecorder


@pytest.mark.parametrize(
    "figures",
    [
        {"attempts": 3, "refused": 2},
        {"attempts": 3, "refused": 3, "breaches": 1},
        {"attempts": 3, "refused": 1, "victims": 2, "breaches": 1},
        {"attempts": 0, "refused": 0},
    ],
)
def test_successful_or_untried_attack_fails_and_stays_in_the_table(
    figures: dict[str, Any],
) -> None:
    properties: list[tuple[str, Any]] = []
    with pytest.raises(AssertionError, match="a case"):
        AttackRecorder(properties)("a case", **figures)
    assert [name for name, _ in properties] == ["attack"]


def test_unrefused_attempts_may_be_expected() -> None:
    properties: list[tuple[str, Any]] = []
    AttackRecorder(properties)("a flood", attempts=3, refused=0, victims=2, breaches=0)
    assert [name for name, _ in properties] == ["attack"]


def test_rows_of_a_case_are_summed_and_the_last_row_sums_all() -> None:
    rows = ATTACKS.rows(
        [
            asdict(AttackFigures("b", 2, 2, None, 0, 1)),
            asdict(AttackFigures("a", 1, 0, 4, 1, 1)),
            asdict(AttackFigures("b", 3, 3, None, 0, 1)),
        ]
    )
    assert rows == [
        ["a", "1", "0", "4", "1", "1"],
        ["b", "5", "5", "-", "0", "2"],
        ["all attacks", "6", "5", "4", "1", "3"],
    ]
