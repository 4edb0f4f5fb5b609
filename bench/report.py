"""Writes the report: ratios first, then absolute figures and the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from bench import million
from bench.alerts import ALERTS_PER_SECOND, AlertLatencies
from bench.alerts import EVENTS_PER_SECOND as ALERT_LOAD
from bench.broker import FETCH_MAX_WAIT_MS
from bench.consumers import AGENT_EVENTS_MAX
from bench.delivery import BrokerLatency
from bench.events import CALLS, USERS, WARM_UP_EVENTS, Load, mean_bytes
from bench.figures import TimedRun, cpu_text, others_text, percentile, spread, table
from bench.http_load import LoadResult
from bench.large import Export
from bench.latency import LINGER_MS, SECONDS, WATCHED_USERS, Latencies
from bench.live import ACTIVE_CALLS, CHANGES_PER_SECOND, LiveResult
from bench.loss import Loss
from bench.options import Options
from bench.reads import API, BARE, OFFERED_PER_SECOND, POSTGRES, ReadResult
from bench.recovery import Recovery, recovery_lines
from bench.rounds import (
    BUDGETS,
    COPY,
    ONE,
    RANDOM,
    RANDOM_TWO,
    READING,
    REPEATS,
    TWO,
    USAGES,
    VARIED,
    Rounds,
)
from bench.watched_events import Moments

_OURS: Final = (ONE, TWO, REPEATS, VARIED, USAGES, BUDGETS, RANDOM, RANDOM_TWO)

_STEPS: Final = (
    "event → transaction begins",
    "transaction → commit",
    "commit → total in Kafka",
    "total in Kafka → socket",
)
"""The step before each field of `Moments`."""


@dataclass(slots=True)
class Report:
    """The sections of the report in Markdown, each with its table and notes."""

    machine: str
    others_percent: int = 0
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the whole report."""
        machine = f"Machine: {self.machine}. Other programs used {self.others_percent} % of it."
        return "\n".join(["# Benchmark", "", machine, *self.lines, ""])

    def throughput(self, rounds: Rounds, options: Options, load: Load) -> None:
        """Add the contenders of the rounds."""
        runs = rounds.runs
        ours = [run for name in _OURS for run in runs.get(name, [])]
        self._section("Durable events per second")
        self.lines += table(
            ["", "÷ COPY", "events/s", "µs of CPU per event: Python / PostgreSQL / broker"],
            [_timed_row(name, its) for name, its in runs.items()],
        )
        self._note(
            f"{len(load.measured):,} events of {mean_bytes(load.measured)} bytes on average, of "
            f"{USERS:,} users and {CALLS:,} calls at a time, over 8 partitions. Medians of "
            f"{options.runs} alternating runs (minimum to maximum); meanwhile, other programs used "
            f"{others_text(ours)} of the machine.",
            f"Before measuring, {WARM_UP_EVENTS:,} events started the calls and recorded the first "
            "cost of each, and the workers met no repeat for a while. Workers are frozen while the "
            "topic is filled. After each run all rows were counted, all totals were published, and "
            "`verify` found no differences.",
            "COPY: the rows that the workers had just recorded, in the same batches, from prepared "
            "binary buffers over one connection into the same tables. The ratio of the workers is "
            "seconds of COPY ÷ seconds of the workers, in pairs.",
            f"An event of the workers takes {spread(rounds.stored_event_bytes, 0)} bytes of tables "
            f"and indexes, and {spread(rounds.wal_event_bytes, 0)} bytes of WAL after a "
            "checkpoint.",
        )
        if VARIED in runs:
            self._note(
                "Costs of many emitters: seconds have a fraction, one of four costs has no user, "
                "and one of ten has its own price."
            )
        if USAGES in runs:
            self._note(
                "Requests: each usage of tokens, a quarter of the costs, has four quantities: "
                "input, cached, written to the cache, and output."
            )
        if BUDGETS in runs:
            self._note(
                "Budgets: each user has a limit a week, and one for each of the four personas, "
                "a day, a week, a month or a call; none is reached."
            )
        if RANDOM in runs:
            self._note(
                "Random ids: version 4 UUIDs instead of version 7, also for COPY in their ratio."
            )
        if READING in runs:
            self._note(
                "Consumer and agent record nothing. "
                f"Up to {AGENT_EVENTS_MAX:,} events for the agent, timed from its own first event."
            )

    def loss(self, losses: Mapping[str, Loss]) -> None:
        """Add the events whose processing failed."""
        self._section("Events whose processing fails in a Faust agent")
        rows = [
            [name, *(f"{number:,}" for number in loss), f"{loss.lost:,}"]
            for name, loss in losses.items()
        ]
        header = ["", "sent", "processed", "failures", "delivered again to a healthy agent", "lost"]
        self.lines += table(header, rows)
        self._note(
            "The group had committed every offset. An agent restarts five seconds after a failure; "
            "lost events were acknowledged but processed by neither agent."
        )

    def latencies(self, measured: Mapping[int, Sequence[Latencies]], options: Options) -> None:
        """Add the latencies of events by load, step by step."""
        for load, runs in measured.items():
            self._latency(load, runs, LINGER_MS[options.broker])

    def _latency(self, load: int, runs: Sequence[Latencies], linger_ms: int) -> None:
        self._section(f"Latency at {load:,} events/s, one worker, in milliseconds")
        rows = [
            [
                name,
                *_percentiles([_steps(run.moments, index) for run in runs]),
                *_percentiles([[one[index] for one in run.moments] for run in runs]),
            ]
            for index, name in enumerate(_STEPS)
        ]
        header = ["", "step, p50", "step, p99", "since the event, p50", "since the event, p99"]
        self.lines += table(header, rows)
        parts = {"worker": "Python", "API": "API", "PostgreSQL": "PostgreSQL", "broker": "broker"}
        used = {
            name: [run.cpu.seconds[part] / SECONDS for run in runs] for name, part in parts.items()
        }
        cores = ", ".join(f"{name} {median(shares):.2f}" for name, shares in used.items())
        self._note(
            "From the scheduled time of each event, in time or not. The first step includes "
            f"{linger_ms} ms linger time of the emitter, and the wait for the previous batch. "
            f"{len(runs[0].moments):,} events of {WATCHED_USERS} users with a socket each "
            f"were watched. Each round has its own broker. Cores in use: {cores}."
        )

    def delivery(self, runs: Sequence[BrokerLatency]) -> None:
        """Add the latency of the broker at the load of the alerts."""
        self._section(f"Broker only, at {ALERT_LOAD:,} events/s, in milliseconds")
        row = ["event → consumer", *_percentiles([run.milliseconds for run in runs])]
        self.lines += table(["", "p50", "p99"], [row])
        used = ", ".join(f"{run.broker_seconds:.1f}" for run in runs)
        self._note(
            "No worker runs, and all rounds share one topic. Each round takes ten seconds; CPU "
            f"seconds of the broker by round: {used}."
        )

    def alerts(self, runs: Sequence[AlertLatencies], options: Options) -> None:
        """Add the latency of alerts at the fixed load."""
        load = f"{ALERT_LOAD:,} events/s, {ALERTS_PER_SECOND} alerts/s"
        self._section(f"Alerts at {load}, one worker, in milliseconds")
        rows = [
            ["event → alert committed", *_percentiles([run.committed_ms for run in runs])],
            ["event → alert published", *_percentiles([run.published_ms for run in runs])],
            ["event → alert read from Kafka", *_percentiles([run.arrived_ms for run in runs])],
        ]
        self.lines += table(["", "p50", "p99"], rows)
        self._note(
            "From the `time` of the event that crossed the threshold. It includes "
            f"{LINGER_MS[options.broker]} ms linger time of the emitter. Each round has its own "
            f"broker; fetches from Tansu wait {FETCH_MAX_WAIT_MS['tansu']} ms."
        )

    def live(self, runs: Sequence[LiveResult]) -> None:
        """Add the latency from the commit of a change to the sockets."""
        self._section(
            f"Live feed: {ACTIVE_CALLS} calls with {CHANGES_PER_SECOND} changes per second each"
        )
        header = ["one API process", "p50 ms", "p99 ms", "messages/s", "dropped", "KiB per socket",
                  "growth, KiB", "CPU %"]  # fmt: skip
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
            "From the commit in PostgreSQL to the arrival at a client on the same machine. It "
            "includes the time on the topic, and the delay that limits a call to ten messages per "
            "second. Every user has one call, and each of the user's sockets receives its changes. "
            "The socket that never reads is an administrator's and receives all changes; the "
            "server closes it."
        )

    def reads(self, runs: Mapping[str, list[ReadResult]]) -> None:
        """Add the reads of the API."""
        bare = runs[BARE]
        self._section("Authenticated reads of one API process")
        rows = [
            [
                name,
                spread([_rate(run) / _rate(other) for run, other in zip(its, bare, strict=True)]),
                spread([_rate(run) for run in its], -1),
                " / ".join(
                    spread([run.cpu_us[part] for run in its], 0) for part in (API, POSTGRES)
                ),
                *_percentiles([run.offered.milliseconds for run in its]),
            ]
            for name, its in runs.items()
        ]
        at = f"ms at {OFFERED_PER_SECOND}/s"
        cpu = f"CPU µs a read: {API} / {POSTGRES}"
        header = ["", "÷ bare handler", "reads/s", cpu, f"p50, {at}", f"p99, {at}"]
        self.lines += table(header, rows)
        self._note(
            "The client runs on the same machine and uses about as much CPU. *Again*: reports that "
            "the API has built before and that have not changed; each other report of a call or of "
            "spending is read for the first time."
        )

    def recovery(self, runs: Mapping[int, Sequence[Recovery]]) -> None:
        """Add the recovery after a downtime, and the memory of each process."""
        self.lines += recovery_lines(runs)

    def export(self, runs: Sequence[Export]) -> None:
        """Add the export of a million events."""
        self._section("A CSV export of a million events of one user")
        rows = [
            [
                spread([run.seconds for run in runs], 1),
                spread([run.lines / run.seconds for run in runs], -2),
                spread([run.size_bytes / 2**20 for run in runs], 0),
                spread([run.before_bytes / 2**20 for run in runs], 0),
                spread([run.peak_bytes / 2**20 for run in runs], 0),
            ]
        ]
        header = ["seconds", "lines/s", "MiB", "API before, MiB", "API maximum, MiB"]
        self.lines += table(header, rows)
        self._note("Resident memory of the API process, before the export and at its maximum.")

    def all_users(self, runs: Mapping[str, Sequence[LoadResult]]) -> None:
        """Add the analytics of all users."""
        self._section(f"With {million.CALLS:,} calls of {million.USERS:,} users in 90 days")
        rows = [
            [name, *_percentiles([run.milliseconds for run in its])] for name, its in runs.items()
        ]
        self.lines += table(["", "p50, ms", "p99, ms"], rows)
        self._note("One request at a time, over HTTP.")

    def _section(self, title: str) -> None:
        self.lines += ["", f"## {title}", ""]

    def _note(self, *paragraphs: str) -> None:
        for paragraph in paragraphs:
            self.lines += ["", paragraph]


def _steps(moments: Sequence[Moments], index: int) -> list[float]:
    """Return how long one step took each event."""
    return [one[index] - (one[index - 1] if index else 0) for one in moments]


def _timed_row(name: str, runs: Sequence[TimedRun]) -> list[str]:
    ratios = [run.ratio for run in runs if run.ratio is not None]
    digits = 2 if not ratios or median(ratios) >= 0.1 else 3
    ratio = "1" if name == COPY else spread(ratios, digits)
    return [name, ratio, spread([run.rate for run in runs], -2), cpu_text(runs)]


def _percentiles(runs: Sequence[Sequence[float]]) -> list[str]:
    return [spread([percentile(run, percent) for run in runs], 1) for percent in (50, 99)]


def _rate(run: ReadResult) -> float:
    return run.saturated.rate
