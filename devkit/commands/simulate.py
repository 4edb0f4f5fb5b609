"""`cost-analytics simulate`: realistic calls, for a demonstration, a test or a measurement."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from cost_analytics import settings
from cost_analytics.commands.options import percent, utc_time, whole_number
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from cost_analytics.configuration.kafka_section import KafkaSection
    from devkit.simulation.planning import SimulationRequest
    from devkit.simulation.timeline import SimulationPlan

DESCRIPTION: Final = """\
Sends the events of simulated calls to cost.call-events.v1: calls begin, people talk, vendors bill,
most calls are charged, some fail, some are refunded, some events are repeated, late, or late by a
day. The user `demo` always has active calls.

The same --users, --calls, --rate, --seed and --start produce the same events with the same
identities; sending them twice is harmless. With --calls 0 it runs in real time until it is stopped.

With --past-days N, the calls are spread over the N days before now, or from --start on, with fewer
calls at weekends; every second call is of the user `demo`. A dashboard then has a history to show.

  cost-analytics simulate --calls 0 --users 12 --rate 6
  cost-analytics simulate --users 50 --calls 200 --rate 0 --out events.jsonl
  cost-analytics simulate --users 12 --calls 300 --rate 0 --past-days 45
"""
_RATE_MAX: Final = 200_000
_PAST_DAYS_MAX: Final = 366


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the amount, the rate and the disturbances."""
    number = whole_number
    parser.add_argument(
        "--users", type=number(1, 1_000_000), default=20, metavar="N", help="default: 20"
    )
    parser.add_argument(
        "--calls",
        type=number(0, 100_000_000),
        default=100,
        metavar="N",
        help="number of calls (default: 100); 0: endless, in real time",
    )
    parser.add_argument(
        "--rate",
        type=number(0, _RATE_MAX),
        default=20,
        metavar="R",
        help="events per second (default: 20); 0: as fast as possible",
    )
    parser.add_argument("--seed", type=number(0, 2**63), default=1, metavar="S", help="default: 1")
    parser.add_argument(
        "--start",
        type=utc_time,
        metavar="TIME",
        help="start of the first call (default: early enough to have no event in the future)",
    )
    parser.add_argument(
        "--past-days",
        type=number(1, _PAST_DAYS_MAX),
        default=0,
        metavar="N",
        help="spread the calls over the last N days, with fewer at weekends",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write JSON lines to FILE (-: standard output), send nothing"
    )
    _configure_disturbances(parser)


def _configure_disturbances(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repeats",
        type=percent,
        default=100,
        metavar="PERCENT",
        help="share of events to send twice, unchanged (default: 1)",
    )
    parser.add_argument(
        "--malformed",
        type=percent,
        default=0,
        metavar="PERCENT",
        help="share of additional events with errors of many kinds, all to be refused (default: 0)",
    )
    parser.add_argument(
        "--odd-calls",
        type=percent,
        default=0,
        metavar="PERCENT",
        help="share of calls with an anomaly: a cost is missing or far too high (default: 0)",
    )
    parser.add_argument(
        "--shuffle-minutes",
        type=whole_number(0, 24 * 60),
        default=0,
        metavar="M",
        help="shuffle the order within M minutes (default: 0)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Send or write, and report the number of events."""
    if arguments.calls == 0 and (arguments.rate == 0 or arguments.out):
        raise CommandError("--calls 0 never ends: give a --rate, and no --out.", 2)
    if arguments.calls == 0 and arguments.past_days:
        raise CommandError("--past-days needs a number of --calls above 0.", 2)
    loaded = None if arguments.out else settings.load("kafka")
    from devkit.simulation.planning import plan_for

    request = _request(arguments)
    try:
        plan = plan_for(request, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise CommandError(str(error), 2) from None
    _announce(request, plan)
    if loaded is None:
        _write(arguments.out, request, plan)
    else:
        from cost_analytics.running import run_until_stopped

        kafka = loaded.kafka
        print(run_until_stopped(lambda stop: _send(kafka, request, plan, stop)))
    return 0


def _request(arguments: argparse.Namespace) -> SimulationRequest:
    from devkit.simulation.planning import SimulationRequest

    start: datetime | None = arguments.start
    return SimulationRequest(
        users=arguments.users,
        calls=arguments.calls,
        rate=arguments.rate,
        seed=arguments.seed,
        start_ms=None if start is None else round(start.timestamp() * 1_000),
        repeats=arguments.repeats,
        malformed=arguments.malformed,
        shuffle_minutes=arguments.shuffle_minutes,
        odd_calls=arguments.odd_calls,
        past_days=arguments.past_days,
    )


def _announce(request: SimulationRequest, plan: SimulationPlan) -> None:
    """Print what is simulated, and the options that repeat it exactly."""
    start = datetime.fromtimestamp(plan.start_ms / 1_000, UTC)
    text = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    past = f" --past-days {request.past_days}" if request.past_days else ""
    calls = f"{request.calls:,} calls" if request.calls else "endless calls"
    print(
        f"Simulating {calls} of {request.users:,} users; to repeat: --users {request.users} "
        f"--calls {request.calls} --rate {request.rate} --seed {request.seed} --start {text}{past}",
        file=sys.stderr,
        flush=True,
    )


def _write(file: str, request: SimulationRequest, plan: SimulationPlan) -> None:
    from cost_analytics.progress import Progress
    from devkit.simulation.pacing import write_all
    from devkit.simulation.planning import scheduled_records

    progress = Progress("events")
    with ExitStack() as stack:
        written = write_all(scheduled_records(request, plan), _open(file, stack), progress)
    progress.close()
    print(f"Wrote {written} events.", file=sys.stderr)


def _open(file: str, stack: ExitStack) -> BinaryIO:
    if file == "-":
        return sys.stdout.buffer
    try:
        return stack.enter_context(Path(file).open("wb"))
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None


async def _send(
    kafka: KafkaSection, request: SimulationRequest, plan: SimulationPlan, stop: asyncio.Event
) -> str:
    from cost_analytics.progress import Progress
    from cost_analytics.sending import open_sender
    from devkit.simulation.pacing import send_all
    from devkit.simulation.planning import scheduled_records

    progress = Progress("events")
    async with open_sender(kafka) as sender:
        try:
            await send_all(
                scheduled_records(request, plan), sender, progress, stop, paced=request.rate > 0
            )
        finally:
            progress.close()
        return f"Sent {sender.acknowledged} events ({progress.rate():,}/s)."
