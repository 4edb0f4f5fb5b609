"""How writes, reads and whole-table commands change with the number of stored events.

`python -m bench.growth --stored 100000 --stored 1000000` fills a database for each number, and
measures the same on each. Writes, reads and lists should not grow; what reads whole tables should
grow linearly, with the same memory. CPU time depends least on other programs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.context import BenchContext
from bench.durable import DurableRun
from bench.events import WARM_UP_EVENTS
from bench.figures import percentile, table
from bench.growth_parts import (
    READ_SECONDS,
    ReadLoad,
    WholeRead,
    call_bytes,
    growth_api,
    measure_lists,
    measure_reads,
    measure_whole_reads,
    measure_write,
    write_loads,
)
from bench.http_load import LoadResult
from bench.machine import CpuMeter
from bench.options import Options, add_common, common_options, require_at_least
from bench.running import prepared, run_benchmark
from bench.stored_events import CALLS_OF_USER, EVENTS_OF_LONG_CALL, store_events

_STORED: Final = (100_000, 1_000_000, 10_000_000)
_STORED_MIN: Final = 20_000
_EVENTS: Final = 100_000
_READS_PER_SECOND: Final = 100
_ORDINARY_CALLS_OF_USER: Final = CALLS_OF_USER * 9 // 10
"""A tenth of all calls belongs to the user whose events are exported."""
_MIB: Final = 2**20


class GrowthOptions(NamedTuple):
    """The numbers of stored events, and the reads per second of a measured route."""

    stored: Sequence[int]
    reads_per_second: int


@dataclass(slots=True)
class SizeFigures:
    """The figures of one number of stored events."""

    stored: int
    call_bytes: int
    writes: list[DurableRun]
    reads: Mapping[str, ReadLoad]
    lists: Mapping[str, LoadResult]
    whole: Mapping[str, WholeRead]


async def _measure(growth: GrowthOptions, options: Options, directory: Path) -> str:
    meter = CpuMeter({})
    sizes = []
    async with prepared(options, directory) as (context, machine):
        for number in growth.stored:
            context.progress.title(f"{number:,} events")
            sizes.append(await _measure_size(context, number, growth.reads_per_second))
    # All child processes have ended, so all other CPU use was by other programs.
    others = f"Other programs used {meter.read().others_percent} % of it."
    return "\n".join(
        ["# Growth", "", f"Machine: {machine}. {others}", *_report(sizes, options, growth)]
    )


async def _measure_size(context: BenchContext, stored: int, reads_per_second: int) -> SizeFigures:
    progress = context.progress
    async with context.databases.fresh() as url:
        calls = await store_events(url, stored, progress.update)
        row_bytes = await call_bytes(url)
        async with growth_api(context, url, reads_per_second) as api:
            progress.update("reads")
            reads = await measure_reads(api, calls)
            progress.update("lists of all users")
            lists = await measure_lists(api)
        writes = []
        for load in write_loads(context):
            writes.append(await measure_write(context, url, load))
            progress.result(f"{writes[-1].rate:,.0f} events/s")
        async with growth_api(context, url, reads_per_second) as api:
            progress.update("reads of whole tables")
            whole = await measure_whole_reads(api, url)
    return SizeFigures(stored, row_bytes, writes, reads, lists, whole)


def _report(sizes: Sequence[SizeFigures], options: Options, growth: GrowthOptions) -> list[str]:
    header = ["", *(f"{size.stored:,}" for size in sizes), "last ÷ first"]
    runs = "one run" if options.runs == 1 else f"medians of {options.runs} runs"
    return [
        "",
        "## The same work with more stored events",
        "",
        *table(header, _flat_rows(sizes)),
        "",
        f"Writes: one worker records {options.events:,} events after a warm-up of "
        f"{WARM_UP_EVENTS:,}; {runs}. Reads: {growth.reads_per_second}/s for {READ_SECONDS} s of "
        f"different users with {_ORDINARY_CALLS_OF_USER} calls each. Lists: one request at a time. "
        "CPU is that of all processes of a part.",
        "",
        "## Commands that read everything",
        "",
        *table(header, _whole_rows(sizes)),
        "",
        "The CPU time is divided by the number of events that each command reads: the stored ones, "
        f"with {EVENTS_OF_LONG_CALL:,} of one long call; those of the exporting user; or all after "
        "the writes.",
        "",
    ]


def _whole_rows(sizes: Sequence[SizeFigures]) -> list[list[str]]:
    rows = []
    for name in sizes[0].whole:
        reads = [size.whole[name] for size in sizes]
        cpu_us = [read.cpu_seconds * 1e6 / read.events for read in reads]
        rows += [
            _row(f"{name}: seconds", [read.seconds for read in reads], 1),
            _row(f"{name}: PostgreSQL, CPU µs an event", cpu_us, 1),
        ]
        for part in reads[0].peak_bytes:
            peaks = [read.peak_bytes[part] / _MIB for read in reads]
            rows.append(_row(f"{name}: peak memory of the {part}, MiB", peaks, 0))
    return rows


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
        _row("the row of a call with its indexes, bytes", [size.call_bytes for size in sizes], 0),
    ]
    for name in sizes[0].reads:
        reads = [size.reads[name] for size in sizes]
        rows.append(_row(f"{name}: p99, ms", [_p99(read.responses) for read in reads], 1))
        rows += [
            _row(f"{name}: {part}, CPU µs", [read.cpu_us[part] for read in reads], 0)
            for part in reads[0].cpu_us
        ]
    for name in sizes[0].lists:
        responses = [size.lists[name] for size in sizes]
        for percent in (50, 99):
            values = [percentile(response.milliseconds, percent) for response in responses]
            rows.append(_row(f"{name}: p{percent}, ms", values, 1))
    return rows


def _row(name: str, values: Sequence[float], digits: int) -> list[str]:
    ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
    return [name, *(f"{value:,.{digits}f}" for value in values), ratio]


def _p99(responses: LoadResult) -> float:
    return percentile(responses.milliseconds, 99)


def parse(arguments: Sequence[str] | None = None) -> tuple[GrowthOptions, Options]:
    """Parse the command line; exits if it is invalid."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    add_common(parser, events=_EVENTS)
    parser.add_argument(
        "--stored",
        type=int,
        action="append",
        metavar="N",
        help="a number of stored events; can be repeated "
        f"(default: {', '.join(map(str, _STORED))})",
    )
    parser.add_argument(
        "--reads",
        type=int,
        default=_READS_PER_SECOND,
        metavar="N",
        help=f"reads per second of a measured route (default: {_READS_PER_SECOND})",
    )
    given = parser.parse_args(arguments)
    stored = sorted(given.stored or _STORED)
    require_at_least(parser, "--stored", stored[0], _STORED_MIN)
    require_at_least(parser, "--reads", given.reads, 1)
    return GrowthOptions(stored, given.reads), common_options(parser, given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code, 1 if a run was not valid."""
    growth, options = parse(arguments)
    return run_benchmark(options, partial(_measure, growth))


if __name__ == "__main__":
    sys.exit(main())
