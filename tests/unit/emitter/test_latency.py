"""Reporting a usage does not wait for the server or for the disk."""

from pathlib import Path

from bench.emitter import measure, silent_server

P99_US_MAX = 2_000
"""Forty times what is measured on an idle machine, and far below a request to any server."""


def test_reports_do_not_wait_for_a_server_that_hangs(tmp_path: Path) -> None:
    with silent_server() as url:
        assert measure(url, 2_000).p99 < P99_US_MAX
        assert measure(url, 2_000, tmp_path).p99 < P99_US_MAX
