"""`cost-analytics doctor`: checks an installation and says what to do."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Final

import msgspec

from cost_analytics.diagnosis.checked_settings import PROCESSES
from cost_analytics.diagnosis.finding import Finding, State, counted
from cost_analytics.failures import FAILED

DESCRIPTION: Final = """\
Checks this installation and says what to do: the settings of each process, its login to PostgreSQL,
the server's settings, clock, schema and rights, Kafka's topics with their retention, workers, lag,
gaps, refused and unpriced events, deliveries, and the servers for mail, SMS and keys. It changes
nothing and can run at any time.

Without --process it checks each process whose settings are in this environment. Exits with code 1
if there is a problem; a warning alone is no problem.
"""
_MARKS: Final[dict[State, str]] = {"ok": "✓", "skipped": "-", "warning": "!", "problem": "✗"}
_COLORS: Final[dict[State, str]] = {
    "ok": "\033[32m",
    "skipped": "\033[2m",
    "warning": "\033[33m",
    "problem": "\033[31m",
}
_NO_COLOR: Final = "\033[0m"
_WIDTH: Final = 100
_SUBJECT_WIDTH: Final = 12


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare which processes are checked, and the output."""
    parser.add_argument(
        "--process",
        action="append",
        default=[],
        choices=[process.command for process in PROCESSES],
        help="check this process, and require its settings; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object per finding")


def run(arguments: argparse.Namespace) -> int:
    """Check and report."""
    from cost_analytics.running import run as run_loop

    findings = run_loop(_examine(arguments.process, as_json=arguments.json))
    states = [finding.state for finding in findings]
    problems, warnings = states.count("problem"), states.count("warning")
    if not arguments.json:
        print(f"\n{counted(problems, 'problem')}, {counted(warnings, 'warning')}.")
    return FAILED if problems else 0


async def _examine(commands: list[str], *, as_json: bool) -> list[Finding]:
    """Print each finding as soon as it is there."""
    from cost_analytics.diagnosis.doctor import examine

    findings = []
    async for finding in examine(commands):
        findings.append(finding)
        print(_json(finding) if as_json else _text(finding), flush=True)
    return findings


def _json(finding: Finding) -> str:
    return msgspec.json.encode(finding._asdict()).decode()


def _text(finding: Finding) -> str:
    """Return a finding in lines; the remedy is below it."""
    mark = _MARKS[finding.state]
    if sys.stdout.isatty():
        mark = f"{_COLORS[finding.state]}{mark}{_NO_COLOR}"
    indent = " " * (_SUBJECT_WIDTH + 3)
    texts = [finding.found, f"→ {finding.remedy}"] if finding.remedy else [finding.found]
    lines = [line for text in texts for line in textwrap.wrap(text, _WIDTH - len(indent))]
    return f"{mark} {finding.subject:<{_SUBJECT_WIDTH}} " + f"\n{indent}".join(lines)
