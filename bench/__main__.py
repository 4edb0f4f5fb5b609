"""`python -m bench`: starts its own servers, measures all contenders, prints tables."""

from __future__ import annotations

import gc
import secrets
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bench.alerts import measure_alerts
from bench.broker import missing, version_of
from bench.context import BenchContext, InvalidRunError
from bench.databases import Databases
from bench.delivery import measure_delivery
from bench.events import make_load
from bench.large import measure_analytics, measure_export
from bench.latency import measure_latencies
from bench.live import measure_live
from bench.loss import measure_loss
from bench.machine import CpuMeter, describe
from bench.options import Options, parse
from bench.progress import StepProgress
from bench.reads import measure_reads
from bench.recovery import measure_recovery
from bench.report import Report
from bench.rounds import run_rounds
from cost_analytics.running import run
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import ServerError
from messaging.kafka import KafkaError

_DIRECTORY: Final = Path(".local")
_LOAD_AGE_MAX: Final = timedelta(days=1)


async def _measure(options: Options, directory: Path) -> Report:
    progress = StepProgress()
    meter = CpuMeter({})
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
        report = Report(describe(f"PostgreSQL {postgres}", version_of(options.broker)))
        await _run_parts(context, report)
    # All child processes have ended, so all other CPU use was by other programs.
    report.others_percent = meter.read().others_percent
    return report


async def _run_parts(context: BenchContext, report: Report) -> None:
    options, progress = context.options, context.progress
    if {"durable", "repeats", "varied", "random", "faust"} & set(options.parts):
        rounds = await run_rounds(context, options.parts)
        report.throughput(rounds, options, context.load)
    if "latency" in options.parts:
        report.latencies(await measure_latencies(context), options)
    if "delivery" in options.parts:
        report.delivery(await measure_delivery(context))
    if "alerts" in options.parts:
        report.alerts(await measure_alerts(context), options)
    if "live" in options.parts:
        report.live(await measure_live(context))
    if "reads" in options.parts:
        report.reads(await measure_reads(context))
    if "loss" in options.parts:
        progress.title("failures in a Faust agent")
        one_by_one = await measure_loss(context, "fails")
        in_batches = await measure_loss(context, "fails-take")
        report.loss({"event by event": one_by_one, "`take(100)`": in_batches})

    await _run_long_parts(context, report)


async def _run_long_parts(context: BenchContext, report: Report) -> None:
    parts = context.options.parts
    if "recovery" in parts:
        report.recovery(await measure_recovery(context))
    if "export" in parts:
        report.export(await measure_export(context))
    if "everyone" in parts:
        report.everyone(await measure_analytics(context))


def main() -> int:
    """Measure and print; returns the exit code, 1 if a run was not valid."""
    options = parse()
    lack = missing(options.broker)
    if lack is not None:
        print(lack, file=sys.stderr)
        return 1
    directory = (_DIRECTORY / f"bench-{secrets.token_hex(4)}").absolute()
    directory.mkdir(parents=True)
    try:
        report = run(_measure(options, directory))
    except (InvalidRunError, ServerError, KafkaError) as error:
        print(f"\n{error}\nThere are no results. The logs are in {directory}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(directory)
        print("\nStopped.", file=sys.stderr)
        return 130
    shutil.rmtree(directory)
    print(report.text())
    if options.markdown:
        options.markdown.write_text(report.text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
