"""The peers: how each is started, and what it does not promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devkit.embedded.ports import LOOPBACK, choose_port

FAUST: Final = "Faust"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to measure, in `processes` processes that share the topic.

    `arguments` are those of `python -m`, and those of `preparation` run before. `missing` is what
    the peer does not promise. `events_max` limits the measured events of a slow peer.
    `counts_repeats` is true if a repeated event counts twice in its totals.
    """

    name: str
    arguments: Sequence[str]
    missing: str
    processes: int = 2
    threads: int = 1
    events_max: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    preparation: Sequence[str] = ()
    clustered: bool = False
    counts_repeats: bool = False

    @property
    def title(self) -> str:
        """The name with its share of the machine."""
        if self.threads > 1:
            return f"{self.name}, {self.threads} threads"
        return f"{self.name}, {('one process', 'two processes')[self.processes - 1]}"

    def commands(self, directory: Path) -> list[list[str]]:
        """Return the arguments of each process, whose files are in `directory`.

        The processes of a cluster need the addresses of all.
        """
        arguments = [text.format(directory=directory) for text in self.arguments]
        if not self.clustered:
            return [arguments] * self.processes
        ports = [choose_port() for _ in range(self.processes)]
        addresses = ";".join(f"{LOOPBACK}:{port}" for port in ports)
        return [[*arguments, "-i", str(index), "-a", addresses] for index in range(self.processes)]


_BY_SQL: Final = "dedupe, exact money, totals in the transaction of the rows, except by our own SQL"

PEERS: Final = (
    Peer(
        "confluent-kafka + psycopg",
        ("bench.peers.plain",),
        _BY_SQL,
        processes=1,
    ),
    Peer(
        "confluent-kafka + psycopg",
        ("bench.peers.plain",),
        _BY_SQL,
    ),
    Peer(
        "Quix Streams",
        ("bench.peers.quix",),
        f"exactly-once in PostgreSQL: a sink repeats after a crash; {_BY_SQL}",
        events_max=120_000,
    ),
    Peer(
        "Bytewax",
        ("bytewax.run", "bench.peers.bytewax", "-r", "{directory}", "-s", "1", "-b", "0"),
        "exactly-once in PostgreSQL: a sink repeats after a crash; a process that takes over from "
        f"one that ended; {_BY_SQL}",
        preparation=("bytewax.recovery", "{directory}", "1"),
        clustered=True,
    ),
    Peer(
        "Pathway",
        ("bench.peers.pathway",),
        "dedupe of totals; exactly-once across a crash (the free edition: at least once); totals "
        "in the transaction of the rows: each table is written by itself",
        processes=1,
        threads=2,
        environment={"PATHWAY_THREADS": "2"},
        counts_repeats=True,
    ),
    Peer(
        FAUST,
        ("bench.peers.faust", "worker", "--loglevel", "warn", "--without-web"),
        f"not losing events: a batch that fails is acknowledged; {_BY_SQL}",
        events_max=60_000,
    ),
)
"""In the order in which they run."""
