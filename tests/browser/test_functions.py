"""The dashboard's pure functions: amounts, live state, reconnecting. Vitest runs them."""

import subprocess

import pytest

from tests.support.house import ROOT


@pytest.mark.slow
def test_vitest_passes() -> None:
    done = subprocess.run(
        [ROOT / "tools" / "web", "run", "test"],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
