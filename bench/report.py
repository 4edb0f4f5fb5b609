"""Writes what was measured: ratios first, absolute figures second, and the machine by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from bench import million
from bench.alerts import ALERTS_PER_SECOND, AlertLatencies
from bench.alerts import EVENTS_PER_SECOND as ALERT_LOAD
from bench.broker import FETCH_MAX_WAIT_MS
from bench.delivery import Delivery
from bench.events import CALLS, USERS, WARM_UP_EVENTS, Load, mean_bytes
from bench.figures import PARTS, Timed, cpu_text, percentile, spread, strangers_text, table
from bench.http_load import Answers
from bench.large import Export
from bench.latency import LINGER_MS, SECONDS, Latencies
from bench.live import ACTIVE_CALLS, CHANGES_PER_SECOND, Live
from bench.loss import Loss
from bench.options import Options
from bench.peers import AGENT_EVENTS_MAX
from bench.reads import BARE, OFFERED_PER_SECOND, Reads
from bench.rounds import COPY, ONE, RANDOM, RANDOM_TWO, READING, REPEATS, TWO, VARIED, Rounds

_OURS: Final = (ONE, TWO, REPEATS, VARIED, RANDOM, RANDOM_TWO)


@dataclass(slots=True)
class Report:
    """Sections of Markdown, each with its table and what has to be known about it."""

    machine: str
    strangers_percent: int = 0
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the whole report."""
        machine = f"Machine: {self.machine}. Other programs used {self.strangers_percent} % of it."
        return "\n".join(["# Benchmark", "", machine, *self.lines, ""])

    def throughput(self, rounds: Rounds, options: Options, load: Load) -> None:
        """Add the contenders of the rounds."""
        runs = rounds.runs
        ours = [run for name in _OURS for run in runs.get(name, [])]
        self._section("Durable events a second")
        self.lines += table(
            ["", "÷ COPY", "events/s", "µs of CPU an event: Python / PostgreSQL / broker"],
            [_timed_row(name, its) for name, its in runs.items()],
        )
        self._note(
            f"{len(load.measured):,} events of {mean_bytes(load.measured)} bytes on average, of "
            f"{USERS:,} users and {CALLS:,} calls at a time, over 8 partitions. Medians of "
            f"{options.runs} runs taken in turn (least to most); other programs used "
            f"{strangers_text(ours)} of the machine meanwhile.",
            f"The calls are known when the clock starts: {WARM_UP_EVENTS:,} events announced them "
            "and each call's first cost, and the workers had met no repeat for a while. Workers "
            "are frozen while events are put into the topic. After each run every row was "
            "counted, all totals were published, and `verify` found no difference.",
            "COPY: the rows that the workers had just recorded, in the same batches, from ready-"
            "made binary buffers over one connection into the same tables, and nothing else. The "
            "ratio of the workers is seconds of COPY ÷ seconds of the workers, pair by pair.",
            f"An event of the workers takes {spread(rounds.kept_bytes, 0)} bytes of tables and "
            f"indexes, and {spread(rounds.logged_bytes, 0)} bytes of write-ahead log right after "
            "a checkpoint.",
        )
        if VARIED in runs:
            self._note(
                "Costs of many emitters: seconds have a fraction, one cost in four names no user, "
                "and one in ten brings its own price."
            )
        if RANDOM in runs:
            self._note(
                "Random ids: version 4 UUIDs in place of version 7; their COPY, which the ratio is "
                "of, has them too."
            )
        if READING in runs:
            self._note(
                "Consumer and agents: no repeats dropped, no totals in PostgreSQL, no offsets; up "
                f"to {AGENT_EVENTS_MAX:,} events an agent, timed from its own first event."
            )

    def loss(self, losses: Mapping[str, Loss]) -> None:
        """Add what became of events whose processing failed."""
        self._section("Events whose processing fails in a Faust agent")
        rows = [
            [name, *(f"{number:,}" for number in loss), f"{loss.lost:,}"]
            for name, loss in losses.items()
        ]
        header = ["", "sent", "done", "failures", "came again to a healthy agent", "lost"]
        self.lines += table(header, rows)
        self._note(
            "The group had committed every offset. An agent restarts five seconds after a failure; "
            "lost is what was acknowledged, but done by neither agent."
        )

    def latencies(self, measured: Mapping[int, Sequence[Latencies]]) -> None:
        """Add how long events take at so many a second."""
        for load, runs in measured.items():
            self._latency(load, runs)

    def _latency(self, load: int, runs: Sequence[Latencies]) -> None:
        self._section(f"Latency at {load:,} events/s, one worker, in milliseconds")
        rows = [
            ["event → committed", *_percentiles([run.committed_ms for run in runs])],
            ["event → total in Kafka", *_percentiles([run.published_ms for run in runs])],
        ]
        self.lines += table(["", "p50", "p99"], rows)
        used = {name: [run.cpu.seconds[name] / SECONDS for run in runs] for name in PARTS}
        cores = ", ".join(f"{name} {median(shares):.2f}" for name, shares in used.items())
        self._note(
            f"From the moment each event was due to be sent, sent in time or not. The emitter "
            f"gathers events for {LINGER_MS} ms, which is part of it. Each round has a broker of "
            f"its own. Cores in use: {cores}."
        )

    def delivery(self, runs: Sequence[Delivery]) -> None:
        """Add how long the broker alone takes at the load of the alerts."""
        self._section(f"The broker alone at {ALERT_LOAD:,} events/s, in milliseconds")
        row = ["event → consumer", *_percentiles([run.milliseconds for run in runs])]
        self.lines += table(["", "p50", "p99"], [row])
        used = ", ".join(f"{run.broker_seconds:.1f}" for run in runs)
        self._note(
            "No worker runs, and all rounds share one topic. Each round takes ten seconds; of its "
            f"processors' the broker used {used}, round by round."
        )

    def alerts(self, runs: Sequence[AlertLatencies]) -> None:
        """Add how long alerts take at the fixed load."""
        load = f"{ALERT_LOAD:,} events/s, {ALERTS_PER_SECOND} alerts/s among them"
        self._section(f"Alerts at {load}, one worker, in milliseconds")
        rows = [
            ["event → alert committed", *_percentiles([run.committed_ms for run in runs])],
            ["event → alert sent", *_percentiles([run.published_ms for run in runs])],
            ["event → alert read from Kafka", *_percentiles([run.arrived_ms for run in runs])],
        ]
        self.lines += table(["", "p50", "p99"], rows)
        self._note(
            "From the `time` of the event that crossed the threshold. The emitter gathers events "
            f"for {LINGER_MS} ms, which is part of it. Each round has a broker of its own; "
            f"fetches from Tansu wait {FETCH_MAX_WAIT_MS['tansu']} ms."
        )

    def live(self, runs: Sequence[Live]) -> None:
        """Add how long a change takes from its commit to the sockets."""
        self._section(
            f"Live feed: {ACTIVE_CALLS} calls, each changing {CHANGES_PER_SECOND} times a second"
        )
        header = ["one API process", "p50 ms", "p99 ms", "messages/s", "dropped", "KiB a socket",
                  "grew by KiB", "CPU %"]  # fmt: skip
        rows = [
            [
                run.name,
                f"{percentile(run.milliseconds, 50):.0f}",
                f"{percentile(run.milliseconds, 99):.0f}",
                f"{len(run.milliseconds) / run.seconds:,.0f}",
                str(run.dropped),
                "" if run.kib_per_socket is None else str(run.kib_per_socket),
                f"{run.grown_kib:,}",
                str(run.cpu_percent),
            ]
            for run in runs
        ]
        self.lines += table(header, rows)
        self._note(
            "From the commit in PostgreSQL to the arrival at a client on the same machine. What "
            "waits for the topic, and what is held back so that a call is told at most ten times a "
            "second, is part of it. Every user has one call and hears of it on each socket. The "
            "one that never reads is an administrator's, for which every change is; it is cut off."
        )

    def reads(self, runs: Mapping[str, list[Reads]]) -> None:
        """Add the reads of the API."""
        bare = runs[BARE]
        self._section("Authenticated reads of one API process")
        rows = [
            [
                name,
                spread([_rate(run) / _rate(other) for run, other in zip(its, bare, strict=True)]),
                spread([_rate(run) for run in its], -1),
                *_percentiles([run.offered.milliseconds for run in its]),
            ]
            for name, its in runs.items()
        ]
        at = f"ms at {OFFERED_PER_SECOND}/s"
        self.lines += table(["", "÷ bare handler", "reads/s", f"p50, {at}", f"p99, {at}"], rows)
        self._note("The client runs on the same machine and takes about as much of it.")

    def export(self, runs: Sequence[Export]) -> None:
        """Add the file of a million events."""
        self._section("A CSV file of a million events of one user")
        rows = [
            [
                spread([run.seconds for run in runs], 1),
                spread([run.lines / run.seconds for run in runs], -2),
                spread([run.size_bytes / 2**20 for run in runs], 0),
                spread([run.before_bytes / 2**20 for run in runs], 0),
                spread([run.most_bytes / 2**20 for run in runs], 0),
            ]
        ]
        header = ["seconds", "lines/s", "MiB", "API before, MiB", "API at most, MiB"]
        self.lines += table(header, rows)
        self._note("Resident memory of the API process, before the file and at most.")

    def everyone(self, runs: Mapping[str, Sequence[Answers]]) -> None:
        """Add the view over everyone."""
        self._section(f"With {million.CALLS:,} calls of {million.USERS:,} users in 90 days")
        rows = [
            [name, *_percentiles([run.milliseconds for run in its])] for name, its in runs.items()
        ]
        self.lines += table(["", "p50, ms", "p99, ms"], rows)
        self._note("One request after the other, answered by the API over HTTP.")

    def _section(self, title: str) -> None:
        self.lines += ["", f"## {title}", ""]

    def _note(self, *paragraphs: str) -> None:
        for paragraph in paragraphs:
            self.lines += ["", paragraph]


def _timed_row(name: str, runs: Sequence[Timed]) -> list[str]:
    ratios = [run.ratio for run in runs if run.ratio is not None]
    digits = 2 if not ratios or median(ratios) >= 0.1 else 3
    ratio = "1" if name == COPY else spread(ratios, digits)
    return [name, ratio, spread([run.rate for run in runs], -2), cpu_text(runs)]


def _percentiles(runs: Sequence[Sequence[float]]) -> list[str]:
    return [spread([percentile(run, percent) for run in runs], 1) for percent in (50, 99)]


def _rate(run: Reads) -> float:
    return run.saturated.rate
