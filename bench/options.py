"""What the benchmark may be asked for on its command line."""

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
    "export",
    "everyone",
]
BrokerName = Literal["tansu", "apache"]

PARTS: Final[dict[Part, str]] = {
    "durable": "durable events/s of one and of two workers, and the plain COPY of the same rows",
    "repeats": "the same for one worker where 1 % of the events come twice",
    "varied": "the same for one worker where costs are written as different emitters do",
    "random": "the same for one and two workers where ids are version 4 UUIDs, which have no order",
    "faust": "a consumer that only reads, and Faust agents doing less and the same",
    "loss": "what becomes of events whose processing fails in a Faust agent",
    "latency": "from an event's time to its commit and to the topic of totals, at fixed loads",
    "delivery": "from an event's time to a consumer, the broker alone, at the load of the alerts",
    "alerts": "from the event that crosses a threshold to its alert in the topic of alerts",
    "live": "from a commit to 2 000 sockets, and to 100 beside one that never reads",
    "reads": "authenticated reads of the API beside a bare handler on the same server",
    "export": "time and memory of a CSV file of a million events (only where asked for)",
    "everyone": "the view over everyone with a million calls (only where asked for)",
}
USUAL: Final[tuple[Part, ...]] = tuple(part for part in PARTS if part not in {"export", "everyone"})
"""What runs where nothing is asked for: the others take minutes only to write their rows."""

_EVENTS: Final = 240_000
_EVENTS_MIN: Final = 20_000
_RUNS: Final = 3
_SEED: Final = 20_260_101


@dataclass(frozen=True, slots=True)
class Options:
    """`events` are those of the measured part of one run; `runs` how often each is repeated."""

    events: int = _EVENTS
    runs: int = _RUNS
    parts: tuple[Part, ...] = USUAL
    broker: BrokerName = "tansu"
    seed: int = _SEED
    markdown: Path | None = None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; ends the program where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures what this machine does, each figure beside its limit, in turn.",
        epilog="parts: " + "; ".join(f"{name}: {what}" for name, what in PARTS.items()),
    )
    parser.add_argument("--events", type=int, default=_EVENTS, help="events measured in one run")
    parser.add_argument("--runs", type=int, default=_RUNS, help="runs of each, taken in turn")
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="one part; may be repeated"
    )
    parser.add_argument("--broker", choices=("tansu", "apache"), default="tansu")
    parser.add_argument("--seed", type=int, default=_SEED, help="other events of the same kind")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    given = parser.parse_args(arguments)
    if given.events < _EVENTS_MIN:
        parser.error(f"--events must be at least {_EVENTS_MIN}: less is over before it is seen")
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    return Options(
        events=given.events,
        runs=given.runs,
        parts=tuple(cast("list[Part]", given.only or list(USUAL))),
        broker=given.broker,
        seed=given.seed,
        markdown=given.markdown,
    )
