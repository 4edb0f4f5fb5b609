"""Writes the table of all contenders, and whether the goals are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from bench.figures import PARTS, TimedRun, cpu_text, others_text, spread, table
from bench.peers.checks import Findings

FASTEST_GOAL: Final = 2
FAUST_GOAL: Final = 10


class PeerRun(NamedTuple):
    """The result of a run; `timed` is None if events are missing at its end."""

    timed: TimedRun | None
    findings: Findings


class Row(NamedTuple):
    """A contender: its runs, and what it does not promise."""

    runs: Sequence[PeerRun]
    missing: str = ""

    @property
    def timed(self) -> list[TimedRun]:
        """The runs that recorded all events."""
        return [run.timed for run in self.runs if run.timed is not None]


class Goals(NamedTuple):
    """The names of the rows that the goals compare: ours, and Faust's."""

    ours: str
    faust: str
    peers: Sequence[str]


def rows_text(rows: Mapping[str, Row]) -> list[str]:
    """Return the lines of the Markdown table."""
    header = [
        "", "events/s", "CPU s per million events: itself / PostgreSQL / broker", "all CPU s",
        "lost", "counted twice", "wrong totals", "does not promise",
    ]  # fmt: skip
    return table(header, [_cells(name, row) for name, row in rows.items()])


def _cells(name: str, row: Row) -> list[str]:
    unfinished = len(row.runs) - len(row.timed)
    rate = spread([run.rate for run in row.timed], -2)
    if unfinished:
        rate = f"{rate or 'none'}; {unfinished} of {len(row.runs)} runs not finished"
    faults = [
        max(run.findings[index] for run in row.runs) for index in range(len(Findings._fields))
    ]
    used = spread([_cpu_seconds(run) for run in row.timed], 0)
    return [name, rate, cpu_text(row.timed), used, *(f"{fault:,}" for fault in faults), row.missing]


def _cpu_seconds(run: TimedRun) -> float:
    """Return the CPU seconds for a million events of all parts."""
    return sum(run.microseconds().get(part, 0) for part in PARTS)


def goals_text(rows: Mapping[str, Row], goals: Goals) -> list[str]:
    """Return a line for each goal: the ratio of the rates, and whether that reaches it."""
    finished = [name for name in goals.peers if rows[name].timed]
    if not finished or not rows[goals.ours].timed:
        return ["No goal can be judged: no peer, or not our worker, recorded all events."]
    fastest = max(finished, key=lambda name: _rate(rows[name]))
    lines = [_goal(rows, goals.ours, fastest, FASTEST_GOAL, "the fastest peer")]
    if goals.faust in finished:
        lines.append(_goal(rows, goals.ours, goals.faust, FAUST_GOAL, "Faust"))
    return lines


def _goal(rows: Mapping[str, Row], ours: str, peer: str, goal: int, what: str) -> str:
    ratio = _rate(rows[ours]) / _rate(rows[peer])
    less = _cpu(rows[peer]) / _cpu(rows[ours])
    verdict = "reached" if ratio >= goal else "missed"
    return (
        f"{ours} ÷ {what} ({peer}): {ratio:.1f} times the events/s, {less:.1f} times the events "
        f"per CPU second. Goal: {goal} times the events/s, {verdict}."
    )


def _rate(row: Row) -> float:
    return median([run.rate for run in row.timed])


def _cpu(row: Row) -> float:
    return median([_cpu_seconds(run) for run in row.timed])


def load_text(rows: Mapping[str, Row]) -> str:
    """Return how busy other programs kept the machine during the runs."""
    return others_text([run for row in rows.values() for run in row.timed])
