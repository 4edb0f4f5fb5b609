"""Tables at the end of a run: tests add rows, and a nonzero figure that must be zero fails its test.

A test uses the fixture of its table to add figures. They travel with pytest's own report of the
test, so they arrive from every xdist worker.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pytest

Properties = list[tuple[str, Any]]


class CaseFigures(Protocol):
    """The figures of one case; a dataclass."""

    case: str

    def broken_promises(self) -> list[str]:
        """Name the figures that must be zero and are not."""

    def cells(self) -> list[str]:
        """Return the row of the table."""


@dataclass(frozen=True)
class ResultTable:
    """One table, of tests that use the fixture `record_{mark}` and have the mark.

    `rows` builds the ordered rows from the reported figures of all tests, as dicts. `headings` end
    with the seconds of a case.
    """

    mark: str
    title: str
    headings: Sequence[str]
    rows: Callable[[list[dict[str, Any]]], list[list[str]]]

    def add(self, properties: Properties, figures: Any) -> None:
        """Add a row, then fail the test if a figure that must be zero is not."""
        properties.append((self.mark, asdict(figures)))
        assert not figures.broken_promises(), f"{figures.case}: {figures.broken_promises()}"

    def mark_test(self, item: pytest.Item) -> None:
        """Mark a test that uses the fixture, so that it can be selected."""
        if f"record_{self.mark}" in getattr(item, "fixturenames", ()):
            item.add_marker(self.mark)

    def require_figures(self, item: pytest.Item) -> None:
        """Fail a test that used the fixture and added no row."""
        if self.mark in item.keywords:
            reported = self.mark in dict(item.user_properties)
            assert reported, f"the test reports no figures: record_{self.mark}"

    def summarize(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table; a failed test without figures has a row that names it."""
        reports = list(self._reports(terminalreporter))
        reported: list[dict[str, Any]] = [
            value
            for report in reports
            if report.when == "call"
            for name, value in report.user_properties
            if name == self.mark and isinstance(value, dict)
        ]
        failed: list[pytest.TestReport | pytest.CollectReport] = [
            *filter(_has_failed, reports),
            *_not_collected(terminalreporter),
        ]
        rows = [*self.rows(reported), *map(self._failed, failed)]
        if not rows:
            return
        table = [list(self.headings), *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        terminalreporter.write_sep("=", self.title)
        for row in table:
            figures = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            terminalreporter.write_line("  ".join([row[0].ljust(widths[0]), *figures]))

    def _reports(self, terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.TestReport]:
        for outcome in ("passed", "failed", "error"):
            for report in terminalreporter.stats.get(outcome, []):
                if not isinstance(report, pytest.TestReport) or self.mark not in report.keywords:
                    continue
                if report.when == "call" or report.failed:
                    yield report

    def _failed(self, report: pytest.TestReport | pytest.CollectReport) -> list[str]:
        where = report.nodeid.rpartition("/")[2]
        blanks = ["-"] * (len(self.headings) - 2)
        return [f"FAILED {where}", *blanks, str(round(getattr(report, "duration", 0)))]


def _not_collected(terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.CollectReport]:
    """Return the files that cannot be imported: their cases are unknown."""
    for report in terminalreporter.stats.get("error", []):
        if isinstance(report, pytest.CollectReport):
            yield report


def _has_failed(report: pytest.TestReport) -> bool:
    return report.failed
