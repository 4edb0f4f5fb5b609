"""`python -m bench`: starts servers of its own, lets all contenders run, prints tables."""

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
from bench.databases import Databases
from bench.delivery import measure_delivery
from bench.events import make_load
from bench.large import measure_everyone, measure_export
from bench.latency import measure_latencies
from bench.live import measure_live
from bench.loss import measure_loss
from bench.machine import CpuMeter, describe
from bench.narration import Narrator
from bench.options import Options, parse
from bench.reads import measure_reads
from bench.report import Report
from bench.rounds import run_rounds
from bench.stage import InvalidRunError, Stage
from cost_analytics.running import run
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import ServerError
from messaging.kafka import KafkaError

_ROOM: Final = Path(".local")
_OLDEST: Final = timedelta(days=1)


async def _measure(options: Options, directory: Path) -> Report:
    narrator = Narrator()
    meter = CpuMeter({})
    narrator.title("preparing")
    narrator.say("PostgreSQL")
    async with EmbeddedPostgres(directory / "postgres") as server:
        databases = Databases(server)
        now = datetime.now(UTC)
        postgres = await databases.prepare(now, now - _OLDEST)
        narrator.say("seeded events")
        load = make_load(options.seed, options.events, time.time_ns() // 1_000_000)
        gc.collect()
        gc.freeze()  # so many events would make every collection of ours long
        stage = Stage(options, directory, databases, load, narrator)
        report = Report(describe(f"PostgreSQL {postgres}", version_of(options.broker)))
        await _run_parts(stage, report)
    # All our children have ended by now, so whatever else was busy was not ours.
    report.strangers_percent = meter.read().strangers_percent
    return report


async def _run_parts(stage: Stage, report: Report) -> None:
    options, narrator = stage.options, stage.narrator
    if {"durable", "repeats", "varied", "random", "faust"} & set(options.parts):
        rounds = await run_rounds(stage, options.parts)
        report.throughput(rounds, options, stage.load)
    if "latency" in options.parts:
        report.latencies(await measure_latencies(stage))
    if "delivery" in options.parts:
        report.delivery(await measure_delivery(stage))
    if "alerts" in options.parts:
        report.alerts(await measure_alerts(stage))
    if "live" in options.parts:
        report.live(await measure_live(stage))
    if "reads" in options.parts:
        report.reads(await measure_reads(stage))
    if "export" in options.parts:
        report.export(await measure_export(stage))
    if "everyone" in options.parts:
        report.everyone(await measure_everyone(stage))
    if "loss" in options.parts:
        narrator.title("failures in a Faust agent")
        one_by_one = await measure_loss(stage, "fails")
        in_batches = await measure_loss(stage, "fails-take")
        report.loss({"event by event": one_by_one, "`take(100)`": in_batches})


def main() -> int:
    """Measure and print; returns the exit code, 1 where a run was not valid."""
    options = parse()
    lack = missing(options.broker)
    if lack is not None:
        print(lack, file=sys.stderr)
        return 1
    directory = (_ROOM / f"bench-{secrets.token_hex(4)}").absolute()
    directory.mkdir(parents=True)
    try:
        report = run(_measure(options, directory))
    except (InvalidRunError, ServerError, KafkaError) as error:
        print(
            f"\n{error}\nNothing was measured. What the parts wrote: {directory}", file=sys.stderr
        )
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
