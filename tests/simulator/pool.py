"""Processes that run seeds, each with its own database on one server."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from devkit.embedded.postgres import EmbeddedPostgres
from tests.simulator.seeds import SeedResult, run_seed, smallest
from tests.simulator.server import SteppedServer
from tests.support.background_loop import BackgroundLoop
from tests.support.databases import DatabaseCloner

UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}
"""Settings of a server whose data need not survive."""

_server: SteppedServer


@contextmanager
def databases(count: int) -> Iterator[list[str]]:
    """Start a server; yields this many migrated databases on it."""
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
    _server = SteppedServer(background, urls.get())


def run_seeds(seeds: Sequence[int]) -> list[tuple[SeedResult, str]]:
    """Run seeds one after another; failures come with the command that repeats them."""
    return [_with_command(run_seed(_server, seed)) for seed in seeds]


def _with_command(result: SeedResult) -> tuple[SeedResult, str]:
    command = ""
    if result.failure:
        faults, result = smallest(_server, result)
        command = f"seed {result.seed}; repeat: python -m tests.simulator --seed {result.seed} --faults {faults}"
    return replace(result, trace=()), command
