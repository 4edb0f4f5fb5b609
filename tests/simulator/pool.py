"""Processes that run seeds, each with a database of its own on one server."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from devkit.embedded.postgres import EmbeddedPostgres
from tests.simulator.seeds import Result, run_seed, smallest
from tests.simulator.server import Server
from tests.support.background_loop import BackgroundLoop
from tests.support.databases import DatabaseCloner

UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}
"""Nothing that the simulation writes has to survive the machine."""

_server: Server


@contextmanager
def databases(count: int) -> Iterator[list[str]]:
    """Start a server, and lend so many migrated databases on it."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        background = stack.enter_context(BackgroundLoop())
        postgres = EmbeddedPostgres(directory / "data", settings=UNSAFE_BUT_FAST)
        background.run(postgres.start())
        stack.callback(lambda: background.run(postgres.stop()))
        made = DatabaseCloner(background, postgres)
        yield [stack.enter_context(made.clone()) for _ in range(count)]


def open_database(urls: "Queue[Any]") -> None:
    """Prepare a process of the pool: it keeps one database."""
    global _server
    logging.disable(logging.CRITICAL)
    background = BackgroundLoop()
    background.__enter__()
    _server = Server(background, urls.get())


def run_lot(seeds: Sequence[int]) -> list[tuple[Result, str]]:
    """Run seeds one after another; with each that fails comes how to repeat it."""
    return [_stand_in(run_seed(_server, seed)) for seed in seeds]


def _stand_in(result: Result) -> tuple[Result, str]:
    how = ""
    if result.failure:
        faults, result = smallest(_server, result)
        how = f"seed {result.seed}; repeat: python -m tests.simulator --seed {result.seed} --faults {faults}"
    return replace(result, trace=()), how
