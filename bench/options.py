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
    "random": "the same for one and two workers with unordered ids (version 4 UUIDs)",
    "faust": "a consumer that only reads, and a Faust agent that does nothing",
    "loss": "events lost by a Faust agent whose processing fails",
    "latency": "from an event's time to its commit, to the topic of totals and to a socket",
    "delivery": "from an event's time to a consumer, broker only, at the load of `alerts`",
    "alerts": "from the event that crosses a threshold to its alert on the topic",
    "live": "from a commit to 2 000 sockets, and to 100 beside one that never reads",
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
_EVENTS_MIN: Final = 20_000
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


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Parse the command line; exits if it is invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures this product on this machine, relative to limits and alternatives.",
        epilog="parts: " + "; ".join(f"{name}: {what}" for name, what in PARTS.items()),
    )
    parser.add_argument(
        "--events", type=int, default=_EVENTS, help="number of measured events in a run"
    )
    parser.add_argument("--runs", type=int, default=_RUNS, help="number of runs of each contender")
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="run only this part; can be repeated"
    )
    parser.add_argument("--broker", choices=("tansu", "apache"), default="tansu")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random events")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables to this file"
    )
    given = parser.parse_args(arguments)
    if given.events < _EVENTS_MIN:
        parser.error(f"--events must be at least {_EVENTS_MIN}for a measurable duration")
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    return Options(
        events=given.events,
        runs=given.runs,
        parts=tuple(cast("list[Part]", given.only or list(DEFAULT_PARTS))),
        broker=given.broker,
        seed=given.seed,
        markdown=given.markdown,
    )
