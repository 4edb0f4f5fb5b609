"""How writes, reads and whole-table commands change with the number of stored events.

`python -m bench.growth --stored 100000 --stored 1000000` fills a database for each number, and
measures the same on each. Writes, reads and lists should not grow; what reads whole tables should
grow linearly, with the same memory. CPU time depends least on other programs.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from bench.broker import missing_requirement, version_of
from bench.context import BenchContext, InvalidRunError
from bench.databases import Databases
from bench.durable import DurableRun
from bench.events import WARM_UP_EVENTS, Load
from bench.figures import percentile, table
from bench.growth_parts import (
    READ_SECONDS,
    ReadLoad,
    WholeRead,
    growth_api,
    measure_lists,
    measure_reads,
    measure_whole_reads,
    measure_write,
    verify_command,
)
from bench.http_load import LoadResult
from bench.machine import CpuMeter, describe
from bench.options import Options
from bench.progress import StepProgress
from bench.stored_events import store_events
from cost_analytics.running import run
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import ServerError
from messaging.kafka import KafkaError

_STORED: Final = (100_000, 1_000_000, 10_000_000)
_STORED_MIN: Final = 20_000
_DIRECTORY: Final = Path(".local")
_MIB: Final = 2**20


@dataclass(slots=True)
class SizeFigures:
    """The figures of one number of stored events."""

    stored: int
    writes: list[DurableRun]
    reads: Mapping[str, ReadLoad]
    lists: Mapping[str, LoadResult]
    whole: Mapping[str, WholeRead]


async def _measure(
    stored: Sequence[int], options: Options, reads_per_second: int, directory: Path
) -> str:
    progress = StepProgress()
    meter = CpuMeter({})
    sizes = []
    async with EmbeddedPostgres(directory / "postgres") as server:
        databases = Databases(server)
        now = datetime.now(UTC)
        version = await databases.prepare(now, now - timedelta(days=1))
        context = BenchContext(options, directory, databases, Load([], []), progress)
        for number in stored:
            progress.title(f"{number:,} events")
            sizes.append(await _measure_size(context, number, reads_per_second))
    machine = describe(f"PostgreSQL {version}", version_of(options.broker))
    others = f"Other programs used {meter.read().others_percent} % of it."
    return "\n".join(
        [
            "# Growth",
            "",
            f"Machine: {machine}. {others}",
            *_report(sizes, options, reads_per_second),
        ]
    )


async def _measure_size(context: BenchContext, stored: int, reads_per_second: int) -> SizeFigures:
    progress = context.progress
    async with context.databases.fresh() as url:
        calls = await store_events(url, stored, progress.update)
        async with growth_api(context, url, reads_per_second) as api:
            progress.update("reads")
            reads = await measure_reads(api, calls)
            progress.update("lists of all users")
            lists = await measure_lists(api)
            progress.update("what reads whole tables")
            whole = await measure_whole_reads(api, url)
        writes = []
        for number in range(context.options.runs):
            writes.append(await measure_write(context, url, context.options.seed + number))
            progress.result(f"{writes[-1].rate:,.0f} events/s")
        progress.update("totals are verified")
        whole["`verify` after the writes"] = await verify_command(context, url)
    return SizeFigures(stored, writes, reads, lists, whole)


def _report(sizes: Sequence[SizeFigures], options: Options, reads_per_second: int) -> list[str]:
    first = sizes[0]
    header = ["", *(f"{size.stored:,}" for size in sizes), "last ÷ first"]
    lines = ["", "## The same work with more stored events", ""]
    lines += table(header, _flat_rows(sizes))
    lines += [
        "",
        f"Writes: one worker records {options.events:,} events after a warm-up of "
        f"{WARM_UP_EVENTS:,}; medians of {options.runs}. Reads: {reads_per_second}/s for "
        f"{READ_SECONDS} s of different users, who each have 50 calls. Lists: one request at a "
        "time. CPU is that of all processes of a part.",
        "",
        "## Commands that read everything",
        "",
    ]
    rows = []
    for name in first.whole:
        each = [size.whole[name] for size in sizes]
        rows += [
            _row(f"{name}: seconds", [one.seconds for one in each], 1),
            _row(
                f"{name}: PostgreSQL, CPU µs an event",
                [
                    one.cpu_seconds * 1e6 / size.stored
                    for one, size in zip(each, sizes, strict=True)
                ],
                1,
            ),
        ]
        for part in each[0].peak_bytes:
            peaks = [one.peak_bytes[part] / _MIB for one in each]
            rows.append(_row(f"{name}: peak memory of the {part}, MiB", peaks, 0))
    lines += table(header, rows)
    return [*lines, ""]


def _flat_rows(sizes: Sequence[SizeFigures]) -> list[list[str]]:
    rows = [
        _row("write: events/s", [median([run.rate for run in size.writes]) for size in sizes], 0),
        *(
            _row(
                f"write: {part}, CPU µs an event",
                [
                    median([run.cpu.seconds[part] * 1e6 / run.events for run in size.writes])
                    for size in sizes
                ],
                1,
            )
            for part in ("Python", "PostgreSQL")
        ),
    ]
    for name in sizes[0].reads:
        reads = [size.reads[name] for size in sizes]
        rows.append(_row(f"{name}: p99, ms", [_p99(one.answers) for one in reads], 1))
        rows += [
            _row(f"{name}: {part}, CPU µs", [one.cpu_us[part] for one in reads], 0)
            for part in reads[0].cpu_us
        ]
    for name in sizes[0].lists:
        answers = [size.lists[name] for size in sizes]
        for percent in (50, 99):
            values = [percentile(one.milliseconds, percent) for one in answers]
            rows.append(_row(f"{name}: p{percent}, ms", values, 1))
    return rows


def _row(name: str, values: Sequence[float], digits: int) -> list[str]:
    ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
    return [name, *(f"{value:,.{digits}f}" for value in values), ratio]


def _p99(answers: LoadResult) -> float:
    return percentile(answers.milliseconds, 99)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument(
        "--stored",
        type=int,
        action="append",
        metavar="N",
        help="a number of stored events; can be repeated (default: "
        f"{', '.join(map(str, _STORED))}; the largest takes about 15 GB of disk)",
    )
    parser.add_argument("--events", type=int, default=100_000, help="events of a measured write")
    parser.add_argument("--runs", type=int, default=3, help="number of measured writes")
    parser.add_argument(
        "--reads", type=int, default=100, metavar="N", help="reads per second of a measured route"
    )
    parser.add_argument("--broker", choices=("tansu", "apache"), default="tansu")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write to this file")
    given = parser.parse_args(arguments)
    if min(given.stored or _STORED) < _STORED_MIN:
        parser.error(f"--stored must be at least {_STORED_MIN}")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code, 1 if a run was not valid."""
    given = _parse(arguments)
    lack = missing_requirement(given.broker)
    if lack is not None:
        print(lack, file=sys.stderr)
        return 1
    options = Options(events=given.events, runs=given.runs, broker=given.broker)
    directory = (_DIRECTORY / f"bench-{secrets.token_hex(4)}").absolute()
    directory.mkdir(parents=True)
    began = time.monotonic()
    try:
        text = run(_measure(sorted(given.stored or _STORED), options, given.reads, directory))
    except (InvalidRunError, ServerError, KafkaError, TimeoutError) as error:
        reason = str(error) or "The machine is too slow for these loads."
        print(f"\n{reason}\nThere are no results. The logs are in {directory}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(directory)
        return 130
    shutil.rmtree(directory)
    print(f"{text}\nMeasured in {(time.monotonic() - began) / 60:.0f} minutes.")
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
