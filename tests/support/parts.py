"""Parts that a machine may lack, and the summary at the end of a test run.

On a developer's machine a missing part skips its tests by name. With CI=true it fails them: nothing
may be left untested silently.
"""

import os
from typing import Any, NoReturn

import pytest

brokers_run: dict[str, str] = {}
"""The brokers that this session used: name, version."""

figures: list[str] = []
"""Figures of the tests, a line each."""


def report_data() -> dict[str, Any]:
    """Return the report data of an xdist worker."""
    return {"brokers_run": brokers_run, "figures": figures}


def add(data: dict[str, Any]) -> None:
    """Add the report data of an xdist worker."""
    brokers_run.update(data.get("brokers_run", {}))
    figures.extend(data.get("figures", ()))


def is_ci() -> bool:
    """Return whether every part must be present."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def skip_without(part: str, reason: str) -> NoReturn:
    """Skip the test for a missing part, or fail it with CI=true."""
    message = reason if part in reason else f"{part}: {reason}"
    if is_ci():
        pytest.fail(f"CI=true, and a part is missing: {message}", pytrace=False)
    pytest.skip(message)


def summarize(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the used brokers, the figures, and the skipped tests with their reasons."""
    if brokers_run:
        names = ", ".join(f"{name} {version}" for name, version in sorted(brokers_run.items()))
        terminalreporter.write_sep("=", "brokers run")
        terminalreporter.write_line(names)
    if figures:
        terminalreporter.write_sep("=", "figures")
    for line in figures:
        terminalreporter.write_line(line)
    not_run: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        not_run.setdefault(_reason(report), []).append(report.nodeid)
    if not_run:
        terminalreporter.write_sep("=", "not run on this machine")
    for reason, tests in not_run.items():
        terminalreporter.write_line(reason)
        for name in tests:
            terminalreporter.write_line(f"  {name}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
