"""Summarizes and formats figures: the median of the runs with minimum and maximum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from bench.machine import CpuUse

PARTS = ("Python", "PostgreSQL", "broker")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return a median with the range of the values; negative digits round to tens and more."""
    if not values:
        return ""
    middle, minimum, maximum = (
        _number(value, digits) for value in (median(values), min(values), max(values))
    )
    return middle if minimum == maximum else f"{middle} ({minimum} to {maximum})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits):,.{max(0, digits)}f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class TimedRun(NamedTuple):
    """One run: events, seconds, and the ratio to plain COPY."""

    events: int
    seconds: float
    ratio: float | None = None
    cpu: CpuUse | None = None

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    def microseconds(self) -> Mapping[str, float]:
        """Return the CPU time of each part per event."""
        if self.cpu is None:
            return {}
        return {name: used * 1e6 / self.events for name, used in self.cpu.seconds.items()}


def cpu_text(runs: Sequence[TimedRun]) -> str:
    """Return the CPU time per event: Python, PostgreSQL and the broker."""
    measured = [run.microseconds() for run in runs if run.cpu is not None]
    if not measured:
        return ""
    return " / ".join(f"{median([run[part] for run in measured]):.1f}" for part in PARTS)


def others_text(runs: Sequence[TimedRun]) -> str:
    """Return the CPU share of other programs during these runs."""
    shares = [run.cpu.others_percent for run in runs if run.cpu is not None]
    return f"{min(shares)} to {max(shares)} %" if shares else "an unknown share"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [_row(header, widths), _row(["-" * width for width in widths], widths)]
    return lines + [_row(row, widths) for row in rows]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
