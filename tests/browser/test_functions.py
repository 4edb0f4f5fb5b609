"""The dashboard's pure functions: amounts, live state, reconnecting. Vitest runs them."""

import subprocess

import pytest

from tests.support.house import ROOT
from tests.support.parts import skip_without


@pytest.mark.slow
def test_vitest_passes() -> None:
    if not (ROOT / "web" / "node_modules" / ".installed").exists():
        skip_without("the dashboard's parts", "they are installed by `tools/web build`")
    done = subprocess.run(
        [ROOT / "tools" / "web", "run", "test"],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
