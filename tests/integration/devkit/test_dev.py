"""`dev` from an empty directory: it serves, counts, stops cleanly and keeps its data."""

import json
import shlex
import signal
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from devkit.embedded.ports import choose_port
from tests.support.command import run_command
from tests.support.dev_instance import STOP_SECONDS, dev
from tests.support.processes import alive, family, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def port() -> str:
    return str(choose_port())


def fetch(curl: str) -> dict[str, int]:
    """Send the request of the `curl` line; returns the demo user's totals."""
    words = shlex.split(curl)
    name, _, value = words[words.index("-H") + 1].partition(": ")
    with urlopen(Request(words[-1], headers={name: value}), timeout=10) as response:
        body = json.load(response, parse_float=str)
    assert body["success"]
    data: dict[str, int] = body["data"]
    return data


def alerts_of(curl: str) -> list[dict[str, object]]:
    """Return the demo user's latest alerts."""
    data: Mapping[str, object] = fetch(curl.replace("/spending", "/alerts"))
    alerts = data["alerts"]
    assert isinstance(alerts, list)
    return alerts


def events_of(directory: Path) -> int:
    """Return the number of events that `verify` checked, without any difference."""
    done = run_command("verify", values={}, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = next(line for line in done.stdout.splitlines() if line.startswith("Checked "))
    return int(checked.split()[1].replace(",", ""))


def test_dev_serves_stops_and_resumes_with_its_data(tmp_path: Path, port: str) -> None:
    with dev(tmp_path, PORT=port) as first:
        curl = first.curl()
        assert f"http://127.0.0.1:{port}/" in first.output()
        assert f"\nhttp://127.0.0.1:{port}/#token=ey" in first.output()
        assert (tmp_path / ".local" / "dev.env").stat().st_mode & 0o777 == 0o600
        assert wait_for(lambda: fetch(curl)["totalCalls"] > 0)
        # The demo user has about 110 calls of the past in the requested 30 days.
        assert " and a history of 45 days…" in first.output()
        assert wait_for(lambda: fetch(curl)["totalCalls"] > 90)
        assert len([one for one in alerts_of(curl) if one["late"]]) < 4
        cost = fetch(curl)["totalCost"]
        assert wait_for(lambda: fetch(curl)["totalCost"] != cost)
        listed = run_command("dlq", "list", values={}, cwd=tmp_path)
        assert listed.stdout == "No event was refused.\n"
        events = events_of(tmp_path)
        second = run_command("dev", values={"PORT": port}, cwd=tmp_path)
        assert second.returncode == 1
        assert "running in this directory already" in second.stderr
        assert first.end(signal.SIGINT) == 0
        assert "Traceback" not in first.output()
    sent = (tmp_path / ".local" / "logs" / "past.log").read_text()
    assert sent.count("Sent ") == 1
    with dev(tmp_path, PORT=port) as second_start:
        curl = second_start.curl()
        assert "\nStarting simulated calls…" in second_start.output()
        before = fetch(curl)
        assert wait_for(lambda: fetch(curl)["totalCost"] != before["totalCost"])
        assert fetch(curl)["totalCalls"] < before["totalCalls"] + 30
        assert second_start.end(signal.SIGINT) == 0
    assert (tmp_path / ".local" / "logs" / "past.log").read_text() == sent
    with dev(tmp_path, PORT=port, SIMULATE="0") as again:
        started = time.monotonic()
        assert fetch(again.curl())["totalCalls"] > 0
        assert time.monotonic() - started < 30
        assert events_of(tmp_path) >= events > 0
        # The token of the first run is valid in the second: the secret was kept.
        assert fetch(curl)["totalCalls"] > 0
        assert again.end(signal.SIGTERM) == 0


def test_published_events_are_counted(tmp_path: Path, port: str) -> None:
    with dev(tmp_path, PORT=port, SIMULATE="0") as running:
        running.curl()
        assert "`demo` (calls are not simulated):" in running.output()
        assert "active calls" not in running.output()
        done = run_command(
            "simulate", "--calls", "15", "--users", "3", "--rate", "0", "--malformed", "5",
            values={}, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        sent = int(done.stdout.split()[1])
        assert wait_for(lambda: events_of(tmp_path) > sent * 9 // 10)
        words = ["dlq", "list", "--limit", "1000"]
        of_ledger = "invalid_event: The cost of one event is above"
        assert wait_for(lambda: of_ledger in run_command(*words, values={}, cwd=tmp_path).stdout)
        token = run_command("token", "--user", "demo", values={}, cwd=tmp_path).stdout.strip()
        url = f"http://127.0.0.1:{port}/api/costs/user/demo/spending"
        assert fetch(f"curl -H 'Authorization: Bearer {token}' {url}")["totalCalls"] > 0
        assert running.end(signal.SIGTERM) == 0


def test_old_details_are_dropped_and_their_totals_stay(tmp_path: Path, port: str) -> None:
    old = datetime.now(UTC) - timedelta(days=100)
    file = tmp_path / "old.jsonl"
    with dev(tmp_path, PORT=port, SIMULATE="0") as running:
        running.curl()
        done = run_command(
            "simulate", "--calls", "15", "--users", "3", "--rate", "0", "--start",
            f"{old:%Y-%m-%dT%H:%M:%SZ}", "--out", str(file), values={}, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert run_command("publish", str(file), values={}, cwd=tmp_path).returncode == 0
        sent = len(file.read_text().splitlines())
        assert wait_for(lambda: events_of(tmp_path) > sent * 9 // 10)
        counted = events_of(tmp_path)
        assert running.end(signal.SIGTERM) == 0
    with dev(tmp_path, PORT=port, SIMULATE="0") as again:
        again.curl()
        assert wait_for(lambda: f"events of {old:%Y-%m} were dropped" in again.output()), (
            again.output()
        )
        assert wait_for(lambda: events_of(tmp_path) == 0)
        again_sent = run_command("publish", str(file), values={}, cwd=tmp_path)
        assert again_sent.returncode == 0, again_sent.stderr
        verified = run_command("verify", values={}, cwd=tmp_path)
        assert f"{counted:,} archived" in verified.stdout, verified.stdout
        assert again.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("part", ["worker", "notices", "commands", "api", "tansu", "postgres"])
def test_dead_part_stops_the_others(tmp_path: Path, port: str, part: str) -> None:
    with dev(tmp_path, PORT=port, SIMULATE="0") as running:
        running.curl()
        everyone = family(running.process.pid)
        children = psutil.Process(running.process.pid).children()
        next(child for child in children if part in command_of(child)).kill()
        assert running.process.wait(STOP_SECONDS) == 1
        assert "ended by signal SIGKILL" in running.output()
        assert "Traceback" not in running.output()
        assert wait_for(lambda: not any(map(alive, everyone)), 60)


def test_killed_dev_leaves_no_process(tmp_path: Path, port: str) -> None:
    with dev(tmp_path, PORT=port, SIMULATE="0") as running:
        running.curl()
        running.end(signal.SIGKILL)
    with dev(tmp_path, PORT=port, SIMULATE="0") as again:
        again.curl()
        assert again.end(signal.SIGINT) == 0


def test_dev_can_be_stopped_while_it_starts(tmp_path: Path, port: str) -> None:
    with dev(tmp_path, PORT=port) as running:
        assert wait_for(lambda: len(family(running.process.pid)) > 1)
        assert running.end(signal.SIGINT) == 0
        assert "Traceback" not in running.output()


def test_taken_port_is_named(tmp_path: Path, port: str) -> None:
    with socket.create_server(("127.0.0.1", int(port))):
        done = run_command("dev", values={"PORT": port}, cwd=tmp_path)
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr


def command_of(process: psutil.Process) -> str:
    """Return the program of a process and its last argument."""
    words = process.cmdline()
    return f"{Path(words[0]).name} {words[-1]}"
