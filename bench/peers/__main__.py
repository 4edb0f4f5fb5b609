"""`python -m bench.peers`: measures our worker beside the peers, in turn, and prints one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.broker import missing_requirement
from bench.context import BenchContext
from bench.copy_baseline import extract, measure_copy
from bench.databases import open_database
from bench.durable import measure_workers
from bench.events import CALLS, USERS, WARM_UP_EVENTS, LoadRecord, mean_bytes, with_repeats
from bench.figures import TimedRun
from bench.options import Options, add_common, common_options
from bench.peers.checks import RIGHT, Expected, find_workers_faults
from bench.peers.contenders import FAUST, PEERS
from bench.peers.measuring import PYTHON, measure_peer
from bench.peers.report import Goals, PeerRun, Row, goals_text, load_text, rows_text
from bench.running import prepared, run_benchmark

COPY: Final = "plain COPY of the rows of one worker"
ONE: Final = "Cost Analytics, one worker"
TWO: Final = "Cost Analytics, two workers"
_REPEATS_PERCENT: Final = 1
_EVENTS: Final = 200_000
_GOALS: Final = Goals(
    TWO,
    next(peer.title for peer in PEERS if peer.name == FAUST),
    [peer.title for peer in PEERS],
)


@dataclass(slots=True)
class PeerRounds:
    """The runs of each contender by name."""

    context: BenchContext
    runs: dict[str, list[PeerRun]] = field(default_factory=dict)

    async def run_all(self) -> None:
        """Run every contender once for each round."""
        context = self.context
        for number in range(1, context.options.runs + 1):
            for name, workers in ((ONE, 1), (TWO, 2)):
                context.progress.title(f"round {number} of {context.options.runs}, {name}")
                await self._run_workers(name, workers)
            for peer in PEERS:
                context.progress.title(f"round {number} of {context.options.runs}, {peer.title}")
                measured = repeated(context, peer.events_max)
                self._add(peer.title, await measure_peer(context, peer, measured))

    async def _run_workers(self, name: str, number: int) -> None:
        context, measured = self.context, repeated(self.context)
        async with context.databases.fresh() as url:
            run = await measure_workers(context, number, url, measured)
            async with open_database(url) as connection:
                expected = Expected.of([*context.load.warm_up, *measured])
                findings = await find_workers_faults(connection, expected)
            # As for the peers, a repeated event counts once.
            events = expected.events - len(context.load.warm_up)
            self._add(name, PeerRun(TimedRun(events, run.seconds, cpu=run.cpu), findings))
            batches = await extract(url, run.since) if name == ONE else None
        if batches:
            context.progress.title(COPY)
            copied = await measure_copy(context, batches, events)
            self._add(COPY, PeerRun(copied, RIGHT))

    def _add(self, name: str, run: PeerRun) -> None:
        self.runs.setdefault(name, []).append(run)
        rate = f"{run.timed.rate:,.0f} events/s" if run.timed else "not finished"
        self.context.progress.result(f"{rate}, {run.findings.text()}")


def repeated(context: BenchContext, events_max: int | None = None) -> list[LoadRecord]:
    """Return the measured events, a few of which are repeated."""
    records = context.load.measured[:events_max]
    return with_repeats(records, _REPEATS_PERCENT, context.options.seed)


async def _measure(options: Options, directory: Path) -> str:
    async with prepared(options, directory) as (context, machine):
        rounds = PeerRounds(context)
        await rounds.run_all()
        notes = _notes(context)
    promises = {peer.title: peer.missing for peer in PEERS} | {
        COPY: "everything: no Kafka, no look-ups, no totals"
    }
    rows = {name: Row(runs, promises.get(name, "")) for name, runs in rounds.runs.items()}
    lines = [
        "# Comparison with other stream processors",
        "",
        f"Machine: {machine}.",
        "",
        *rows_text(rows),
    ]
    for paragraph in (*goals_text(rows, _GOALS), *notes, _others(rows)):
        lines += ["", paragraph]
    return "\n".join([*lines, ""])


def _others(rows: dict[str, Row]) -> str:
    return f"During the runs, other programs used {load_text(rows)} of the machine."


def _notes(context: BenchContext) -> list[str]:
    measured, options = context.load.measured, context.options
    limits = "".join(
        f", {peer.name} {peer.events_max:,}"
        for peer in PEERS
        if peer.events_max is not None and peer.events_max < len(measured)
    )
    runs = "One run."
    if options.runs > 1:
        runs = f"Medians of {options.runs} alternating runs (minimum to maximum)."
    return [
        f"{len(measured):,} events of {mean_bytes(measured)} bytes on average{limits}; "
        f"{_REPEATS_PERCENT} % of them are repeated, and a repeated event counts once in all "
        f"rates; {USERS:,} users, {CALLS:,} calls at a time, 8 partitions. {runs} Each run has a "
        f"new broker and an empty database. A warm-up of {WARM_UP_EVENTS:,} events is recorded "
        "first; then the processes are frozen while the topic is filled. The clock runs until "
        "every event has its row and is in the totals.",
        "After each run the rows are counted and every total is compared; the columns show the "
        "maximum over all runs.",
        "The peers write 13 columns of each event, and totals by call and by user and day. Our "
        "worker also does the following, and no peer does: dated prices and late corrections, "
        "alerts, refused events with a reason, voids and refunds, gaps, totals on a topic.",
    ]


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; exits if it is invalid or the peers are not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description="Measures our worker beside other stream processors with the same task.",
    )
    add_common(parser, events=_EVENTS, broker=None)
    given = parser.parse_args(arguments)
    options = common_options(parser, given)
    if not PYTHON.exists():
        parser.error(f"the peers are not installed in {PYTHON.parent.parent}: run make bench-peers")
    if given.broker:
        return options
    return replace(options, broker="tansu" if missing_requirement("apache") else "apache")


if __name__ == "__main__":
    sys.exit(run_benchmark(parse(), _measure))
