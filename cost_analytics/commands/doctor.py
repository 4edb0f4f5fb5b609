"""`cost-analytics doctor`: checks an installation and says what to do."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Final

import msgspec

from cost_analytics.diagnosis.check_result import CheckResult, CheckState, count_text
from cost_analytics.diagnosis.settings_checks import PROCESSES
from cost_analytics.failures import FAILED

DESCRIPTION: Final = """\
Checks this installation and says what to do: the settings of each process, its login to PostgreSQL,
the server's settings, clock, schema and rights, Kafka's topics with their retention, workers, lag,
gaps, refused and unpriced events, deliveries, and the servers for mail, SMS and keys. It changes
nothing and can run at any time.

Without --process it checks each process whose settings are in this environment. Exits with code 1
if there is a problem; a warning alone is not a problem.
"""
_MARKS: Final[dict[CheckState, str]] = {"ok": "✓", "skipped": "-", "warning": "!", "problem": "✗"}
_COLORS: Final[dict[CheckState, str]] = {
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
    parser.add_argument("--json", action="store_true", help="print a JSON object per result")


def run(arguments: argparse.Namespace) -> int:
    """Check and report."""
    from cost_analytics.running import run as run_loop

    results = run_loop(_examine(arguments.process, as_json=arguments.json))
    states = [result.state for result in results]
    problems, warnings = states.count("problem"), states.count("warning")
    if not arguments.json:
        print(f"\n{count_text(problems, 'problem')}, {count_text(warnings, 'warning')}.")
    return FAILED if problems else 0


async def _examine(commands: list[str], *, as_json: bool) -> list[CheckResult]:
    """Print each result as soon as it is there."""
    from cost_analytics.diagnosis.doctor import examine

    results = []
    async for result in examine(commands):
        results.append(result)
        print(_json(result) if as_json else _text(result), flush=True)
    return results


def _json(result: CheckResult) -> str:
    return msgspec.json.encode(result._asdict()).decode()


def _text(result: CheckResult) -> str:
    """Return a result in lines; the remedy is below it."""
    mark = _MARKS[result.state]
    if sys.stdout.isatty():
        mark = f"{_COLORS[result.state]}{mark}{_NO_COLOR}"
    indent = " " * (_SUBJECT_WIDTH + 3)
    texts = [result.found, f"→ {result.remedy}"] if result.remedy else [result.found]
    lines = [line for text in texts for line in textwrap.wrap(text, _WIDTH - len(indent))]
    return f"{mark} {result.subject:<{_SUBJECT_WIDTH}} " + f"\n{indent}".join(lines)
