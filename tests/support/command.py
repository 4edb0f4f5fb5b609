"""Runs the command line as a process, with settings in its environment."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cost_analytics import settings
from tests.support.logins import as_process

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-P", "-m", "cost_analytics"]


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with no settings but `values`."""
    return settings.command_environment(values) | {"PYTHONPATH": str(ROOT)}


def run_command(
    *words: str, values: Mapping[str, str], cwd: Path, stdin: bytes = b"", seconds: int = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a subcommand; returns its exit code and output."""
    done = subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        check=False,
        cwd=cwd,
        env=environment(as_process(words[0], values) if words else values),
        input=stdin,
        timeout=seconds,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
