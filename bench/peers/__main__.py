"""`python -m bench.peers`: measures our worker beside the peers, in turn, and prints one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from bench.broker import missing_requirement
from bench.context import BenchContext
from bench.databases import open_database
from bench.durable import measure_workers
from bench.events import CALLS, USERS, WARM_UP_EVENTS, Record, mean_bytes, with_repeats
from bench.figures import TimedRun
from bench.limit import extract, measure_copy
from bench.options import SEED, BrokerName, Options
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
_EVENTS_MIN: Final = 20_000
_RUNS: Final = 3
_GOALS: Final = Goals(
    TWO,
    next(peer.title for peer in PEERS if peer.name == FAUST),
    [peer.title for peer in PEERS],
)


@dataclass(slots=True)
class Rounds:
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
            self._add(name, PeerRun(TimedRun(run.events, run.seconds, cpu=run.cpu), findings))
            rows = await extract(url, run.since) if name == ONE else None
        if rows:
            context.progress.title(COPY)
            copied = await measure_copy(context, rows, run.events)
            self._add(COPY, PeerRun(copied, RIGHT))

    def _add(self, name: str, run: PeerRun) -> None:
        self.runs.setdefault(name, []).append(run)
        rate = f"{run.timed.rate:,.0f} events/s" if run.timed else "not finished"
        self.context.progress.result(f"{rate}, {run.findings.text()}")


def repeated(context: BenchContext, events_max: int | None = None) -> list[Record]:
    """Return the measured events, a few of which are repeated."""
    records = context.load.measured[:events_max]
    return with_repeats(records, _REPEATS_PERCENT, context.options.seed)


async def _measure(options: Options, directory: Path) -> str:
    async with prepared(options, directory) as (context, machine):
        rounds = Rounds(context)
        await rounds.run_all()
        notes = _notes(context)
    promises = {peer.title: peer.missing for peer in PEERS} | {
        COPY: "everything: no Kafka, no look-ups, no totals"
    }
    rows = {name: Row(runs, promises.get(name, "")) for name, runs in rounds.runs.items()}
    lines = ["# Beside the peers", "", f"Machine: {machine}.", "", *rows_text(rows)]
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
    return [
        f"{len(measured):,} events of {mean_bytes(measured)} bytes on average{limits}; "
        f"{_REPEATS_PERCENT} % of them repeated; {USERS:,} users, {CALLS:,} calls at a time, 8 "
        f"partitions. Medians of {options.runs} alternating runs (minimum to maximum), each with a "
        f"new broker and an empty database. Before, {WARM_UP_EVENTS:,} events are recorded; then "
        "the processes are frozen while the topic is filled. The clock runs until every event has "
        "its row and is in the totals.",
        "After each run the rows are counted and every total is compared; the columns show the "
        "largest numbers of all runs.",
        "The peers write 13 columns of each event, and totals by call and by user and day. What "
        "our worker does beside that, none of them does: dated prices and late corrections, "
        "alerts, refused events with a reason, voids and refunds, gaps, totals on a topic.",
    ]


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; exits if it is invalid or the peers are not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description="Measures our worker beside other stream processors with the same task.",
    )
    parser.add_argument("--events", type=int, default=_EVENTS, help="measured events in a run")
    parser.add_argument("--runs", type=int, default=_RUNS, help="runs of each contender")
    parser.add_argument(
        "--broker",
        choices=("apache", "tansu"),
        help="default: Apache Kafka if this machine can run it, else Tansu",
    )
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the events")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write it to this file")
    given = parser.parse_args(arguments)
    if given.events < _EVENTS_MIN:
        parser.error(f"--events must be at least {_EVENTS_MIN} for a measurable duration")
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    if not PYTHON.exists():
        parser.error(f"the peers are not installed in {PYTHON.parent.parent}: run make bench-peers")
    broker = given.broker or ("tansu" if missing_requirement("apache") else "apache")
    return Options(
        events=given.events,
        runs=given.runs,
        parts=(),
        broker=cast("BrokerName", broker),
        seed=given.seed,
        markdown=given.markdown,
    )


if __name__ == "__main__":
    sys.exit(run_benchmark(parse(), _measure))
