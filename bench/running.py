"""Runs a benchmark: starts PostgreSQL, makes the events, prints the report, removes all files."""

from __future__ import annotations

import gc
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientError

from bench.broker import missing_requirement, version_of
from bench.context import BenchContext, InvalidRunError
from bench.databases import Databases
from bench.events import make_load
from bench.machine import describe
from bench.options import Options
from bench.progress import StepProgress
from cost_analytics.running import run
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import ServerError
from messaging.kafka import KafkaError

_DIRECTORY: Final = Path(".local")
_LOAD_AGE_MAX: Final = timedelta(days=1)

Measure = Callable[[Options, Path], Coroutine[Any, Any, str]]
"""Measures with these options, in a directory for its files; returns the report."""


@asynccontextmanager
async def prepared(options: Options, directory: Path) -> AsyncIterator[tuple[BenchContext, str]]:
    """Run PostgreSQL during a block; yields the context, and one line about the machine."""
    progress = StepProgress()
    progress.title("preparing")
    progress.update("PostgreSQL")
    async with EmbeddedPostgres(directory / "postgres") as server:
        databases = Databases(server)
        now = datetime.now(UTC)
        postgres = await databases.prepare(now, now - _LOAD_AGE_MAX)
        progress.update("seeded events")
        load = make_load(options.seed, options.events, time.time_ns() // 1_000_000)
        gc.collect()
        gc.freeze()  # so many objects would make every garbage collection slow
        context = BenchContext(options, directory, databases, load, progress)
        yield context, describe(f"PostgreSQL {postgres}", version_of(options.broker))


def run_benchmark(options: Options, measure: Measure) -> int:
    """Measure and print; returns the exit code, 1 if a run was not valid."""
    missing = missing_requirement(options.broker)
    if missing is not None:
        print(missing, file=sys.stderr)
        return 1
    directory = (_DIRECTORY / f"bench-{secrets.token_hex(4)}").absolute()
    directory.mkdir(parents=True)
    try:
        report = run(measure(options, directory))
    except (InvalidRunError, ServerError, KafkaError, ClientError, TimeoutError) as error:
        reason = str(error) or f"{type(error).__name__}: the machine may be too slow for this load."
        print(f"\n{reason}\nThere are no results. The logs are in {directory}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(directory)
        print("\nStopped.", file=sys.stderr)
        return 130
    shutil.rmtree(directory)
    print(report)
    if options.markdown:
        options.markdown.write_text(report, encoding="utf-8")
    return 0
