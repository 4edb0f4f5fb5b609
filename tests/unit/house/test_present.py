"""Constants of tests follow the clock during a run, also past midnight."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.repricing import test_estimates as dependent
from tests.support import unpriced
from tests.support.clocks import datetime_by
from tests.support.house import ROOT
from tests.support.present import renew_constants

CONFTEST = """
import clock, pytest
from tests.support.present import PresentTime

PRESENT = PresentTime(clock.now, clock.sleep)

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    PRESENT.begin(item)
    return (yield)

def pytest_collection_finish():
    clock.sleep(1_800)
"""
CLOCK = """
from datetime import UTC, datetime, timedelta
from tests.support.clocks import datetime_by

time = datetime(2031, 1, 31, 23, tzinfo=UTC)

def now():
    return time

def sleep(seconds):
    set_to(time + timedelta(seconds=seconds))

def set_to(other):
    global time
    time = other

replacement = datetime_by(now)
"""
SAMPLE = """
import clock, pytest
from datetime import UTC, date, datetime as real_datetime

datetime = clock.replacement
NOW = datetime.now(UTC)

@pytest.fixture(scope="module")
def written():
    return NOW

def test_time_of_collection_is_not_that_of_a_test(written):
    assert NOW == written == real_datetime(2031, 1, 31, 23, 30, tzinfo=UTC)

def test_time_stays_within_a_module(written):
    clock.set_to(real_datetime(2031, 1, 31, 23, 56, tzinfo=UTC))
    assert NOW == written == real_datetime(2031, 1, 31, 23, 30, tzinfo=UTC)

def test_end_of_a_day_is_reached(written):
    assert NOW == written
    clock.set_to(real_datetime(2031, 1, 31, 23, 58, tzinfo=UTC))

def test_no_test_begins_in_the_last_minutes_of_a_day(written):
    assert NOW == written == clock.now() == real_datetime(2031, 2, 1, tzinfo=UTC)
"""


def test_constants_are_computed_again_after_those_they_follow_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noon = datetime(2031, 1, 31, 12, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr(unpriced, "datetime", datetime_by(lambda: noon))
        renew_constants(dependent)
        assert noon - timedelta(minutes=5) == unpriced.NOW
        assert unpriced.NOW - timedelta(days=40) == dependent.A_MONTH_AGO
    renew_constants(dependent)
    assert datetime.now(UTC) > unpriced.NOW


def test_run_past_midnight_has_the_present_time(tmp_path: Path) -> None:
    """Constants and fixtures of a module are those of the new day."""
    for name, text in {"conftest": CONFTEST, "clock": CLOCK, "test_sample": SAMPLE}.items():
        (tmp_path / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
