"""The table of faults fails a case whose figures are not those that are promised."""

from typing import Any

import pytest

from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.totals import Totals


@pytest.mark.parametrize(
    "figures",
    [
        {"sent": 10, "counted": 9},
        {"sent": 10, "counted": 11},
        {"sent": 10, "counted": 7, "gap": 2},
        {"difference": 1},
        {"alerts": AlertFigures(3, missing=1, doubled=0)},
        {"alerts": AlertFigures(3, missing=0, doubled=1)},
    ],
)
def test_a_figure_that_must_be_zero_fails_the_case_and_stays_in_the_table(
    figures: dict[str, Any],
) -> None:
    properties: list[tuple[str, Any]] = []
    with pytest.raises(AssertionError, match="a case"):
        FaultRecorder(properties)("a case", **figures)
    assert len(properties) == 1


def test_figures_as_promised_pass() -> None:
    properties: list[tuple[str, Any]] = []
    record = FaultRecorder(properties)
    record(
        "a gap",
        sent=10,
        counted=8,
        gap=2,
        difference=0,
        alerts=AlertFigures.of("abc", ["c", *"ab"]),
    )
    record("a case without figures of events")
    assert [value["case"] for _, value in properties] == [
        "a gap",
        "a case without figures of events",
    ]


def test_an_alert_that_nothing_calls_for_is_doubled() -> None:
    assert AlertFigures.of("abc", "aabx") == AlertFigures(3, missing=1, doubled=2)


def test_a_difference_is_summed_without_cancelling_out() -> None:
    one = Totals(
        user_day_costs={("u", "d", "p", "s"): 5}, user_days={("u", "d", "p"): (1, 1, 7, 2)}
    )
    other = Totals(
        user_day_costs={("u", "d", "p", "t"): 5}, user_days={("u", "d", "p"): (1, 1, 2, 7)}
    )
    assert difference_nano(one, other) == 5 + 5 + 5 + 5
    assert difference_nano(one, one) == 0
