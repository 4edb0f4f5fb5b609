"""`demo`: the example of each way reports a call, and the ledger has what it reported."""

import os
from pathlib import Path

import pytest

from devkit.demo.ways import WAYS, Way
from devkit.embedded.ports import choose_port
from tests.support.command import run_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_call_of_each_way_costs_what_its_example_reports(tmp_path: Path, way: Way) -> None:
    if not Path(way.python).exists() and not os.environ.get("CI"):
        pytest.skip("the voice frameworks are missing: make setup-integrations")
    port = str(choose_port())
    done = run_command(
        "demo", way.name, "--exit", "--port", port, values={}, cwd=tmp_path, seconds=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "USD: difference 0\n" in done.stdout
    assert f"http://127.0.0.1:{port}/calls/" in done.stdout
    assert done.stdout.endswith("Stopped. The data are kept for the next `make run`.\n")
