"""The table of faults: unexpected figures fail their test."""

import subprocess
import sys
from pathlib import Path
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
def test_nonzero_figure_fails_and_stays_in_the_table(
    figures: dict[str, Any],
) -> None:
    properties: list[tuple[str, Any]] = []
    with pytest.raises(AssertionError, match="a case"):
        FaultRecorder(properties)("a case", **figures)
    assert len(properties) == 1


def test_expected_figures_pass() -> None:
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


def test_unexpected_alert_counts_as_doubled() -> None:
    assert AlertFigures.of("abc", "aabx") == AlertFigures(3, missing=1, doubled=2)


def test_differences_do_not_cancel_out() -> None:
    one = Totals(
        user_day_costs={("u", "d", "p", "s"): 5}, user_days={("u", "d", "p"): (1, 1, 7, 2)}
    )
    other = Totals(
        user_day_costs={("u", "d", "p", "t"): 5}, user_days={("u", "d", "p"): (1, 1, 2, 7)}
    )
    assert difference_nano(one, other) == 5 + 5 + 5 + 5
    assert difference_nano(one, one) == 0


def test_file_that_cannot_be_imported_is_named_with_its_error(tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("import a_module_that_does_not_exist")
    options = [f"--rootdir={tmp_path}", "-p", "tests.conftest", "-m", "fault"]
    command = [sys.executable, "-m", "pytest", *options, str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "FAILED test_broken.py" in done.stdout
    assert "No module named 'a_module_that_does_not_exist'" in done.stdout
    assert "INTERNALERROR" not in done.stdout + done.stderr
