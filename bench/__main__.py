"""`python -m bench`: starts its own servers, measures all contenders, prints tables."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.alerts import measure_alerts
from bench.context import BenchContext
from bench.delivery import measure_delivery
from bench.large import measure_analytics, measure_export
from bench.latency import measure_latencies
from bench.live import measure_live
from bench.loss import measure_loss
from bench.machine import CpuMeter
from bench.options import Options, parse
from bench.reads import measure_reads
from bench.recovery import measure_recovery
from bench.report import Report
from bench.rounds import run_rounds
from bench.running import prepared, run_benchmark


async def _measure(options: Options, directory: Path) -> str:
    meter = CpuMeter({})
    async with prepared(options, directory) as (context, machine):
        report = Report(machine)
        await _run_parts(context, report)
    # All child processes have ended, so all other CPU use was by other programs.
    report.others_percent = meter.read().others_percent
    return report.text()


async def _run_parts(context: BenchContext, report: Report) -> None:
    options, progress = context.options, context.progress
    if {"durable", "repeats", "varied", "usages", "budgets", "random", "faust"} & set(
        options.parts
    ):
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
        report.all_users(await measure_analytics(context))


def main() -> int:
    """Measure and print; returns the exit code, 1 if a run was not valid."""
    return run_benchmark(parse(), _measure)


if __name__ == "__main__":
    sys.exit(main())
