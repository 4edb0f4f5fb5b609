"""The command line options of the benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

Part = Literal[
    "durable",
    "repeats",
    "varied",
    "usages",
    "budgets",
    "random",
    "faust",
    "loss",
    "latency",
    "delivery",
    "alerts",
    "live",
    "reads",
    "recovery",
    "export",
    "everyone",
]
BrokerName = Literal["tansu", "apache"]

PARTS: Final[dict[Part, str]] = {
    "durable": "durable events/s of one and of two workers, and plain COPY of the same rows",
    "repeats": "the same for one worker with 1 % repeated events",
    "varied": "the same for one worker with costs in the style of various emitters",
    "usages": "the same for one worker with token usage as four quantities of one request",
    "budgets": "the same for one worker with five budgets on scopes of each user",
    "random": "the same for one and two workers with unordered ids (version 4 UUIDs)",
    "faust": "a consumer that only reads, and a Faust agent that does nothing",
    "loss": "events lost by a Faust agent whose processing fails",
    "latency": "from an event's time to its commit, to the topic of totals and to a socket",
    "delivery": "from an event's time to a consumer, broker only, at the load of `alerts`",
    "alerts": "from the event that crosses a threshold to its alert on the topic",
    "live": "from a commit to 2,000 sockets, and to 100 beside one that never reads",
    "reads": "authenticated reads of the API against a bare handler on the same server",
    "recovery": "seconds to catch up after a minute, and each process's memory (only with --only)",
    "export": "time and memory of a CSV file of a million events (only with --only)",
    "everyone": "analytics of all users with a million calls (only with --only)",
}
DEFAULT_PARTS: Final[tuple[Part, ...]] = tuple(
    part for part in PARTS if part not in {"recovery", "export", "everyone"}
)
"""The parts that run by default; the others take minutes to create their rows or backlogs."""

_EVENTS: Final = 240_000
EVENTS_MIN: Final = 20_000
"""Fewer events take too little time to measure a rate."""
_RUNS: Final = 3
SEED: Final = 20_260_101


@dataclass(frozen=True, slots=True)
class Options:
    """`events` are those of the measured part of a run; `runs` is the number of repetitions."""

    events: int = _EVENTS
    runs: int = _RUNS
    parts: tuple[Part, ...] = DEFAULT_PARTS
    broker: BrokerName = "tansu"
    seed: int = SEED
    markdown: Path | None = None


def add_common(
    parser: argparse.ArgumentParser, *, events: int = _EVENTS, broker: BrokerName | None = "tansu"
) -> None:
    """Add the options that all benchmarks of the worker have, with these defaults."""
    parser.add_argument(
        "--events",
        type=int,
        default=events,
        metavar="N",
        help=f"number of measured events in a run (default: {events})",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=_RUNS,
        metavar="N",
        help=f"number of runs of each measurement (default: {_RUNS})",
    )
    parser.add_argument(
        "--broker",
        choices=("tansu", "apache"),
        default=broker,
        help=f"default: {broker or 'Apache Kafka if this machine can run it, else Tansu'}",
    )
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random events")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the report to this file"
    )


def common_options(
    parser: argparse.ArgumentParser, given: argparse.Namespace, parts: tuple[Part, ...] = ()
) -> Options:
    """Return the options that `add_common` added; exits if one is invalid."""
    require_at_least(parser, "--events", given.events, EVENTS_MIN)
    require_at_least(parser, "--runs", given.runs, 1)
    return Options(
        events=given.events,
        runs=given.runs,
        parts=parts,
        broker=given.broker,
        seed=given.seed,
        markdown=given.markdown,
    )


def require_at_least(
    parser: argparse.ArgumentParser, name: str, value: int, value_min: int
) -> None:
    """Exit with a message if the value of an option is too small."""
    if value < value_min:
        parser.error(f"{name} must be at least {value_min}, not {value}")


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; exits if it is invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures this product on this machine, relative to limits and alternatives.",
        epilog="parts: " + "; ".join(f"{name}: {what}" for name, what in PARTS.items()),
    )
    add_common(parser)
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="run only this part; can be repeated"
    )
    given = parser.parse_args(arguments)
    parts = tuple(cast("list[Part]", given.only or list(DEFAULT_PARTS)))
    return common_options(parser, given, parts)
