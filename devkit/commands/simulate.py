"""`cost-analytics simulate`: believable calls, for a demonstration, a test or a measurement."""

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
from cost_analytics.commands.options import moment, percent, whole_number
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from cost_analytics.configuration.kafka_section import KafkaSection
    from devkit.simulation.planning import SimulationRequest
    from devkit.simulation.timeline import SimulationPlan

DESCRIPTION: Final = """\
Sends the events of simulated calls to cost.call-events.v1: calls begin, users and personas take
turns, vendors bill, most calls are charged, some fail, some money goes back, some events are sent
twice, late or by a day late. The user `demo` always has calls going on.

The same --users, --calls, --rate, --seed and --start give the same events with the same identities.
Sending them twice is harmless. With --calls 0 it goes on, in real time, until it is stopped.

With --past-days N the calls lie in the N days before now, or in the N days from --start on: fewer
of them at weekends, and every second one is the user `demo`'s. A dashboard has a past to show then.

  cost-analytics simulate --calls 0 --users 12 --rate 6
  cost-analytics simulate --users 50 --calls 200 --rate 0 --out events.jsonl
  cost-analytics simulate --users 12 --calls 300 --rate 0 --past-days 45
"""
_RATE_MAX: Final = 200_000
_PAST_DAYS_MAX: Final = 366


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare how much is simulated, how fast, and what goes wrong on the way."""
    number = whole_number
    parser.add_argument(
        "--users", type=number(1, 1_000_000), default=20, metavar="N", help="default: 20"
    )
    parser.add_argument(
        "--calls",
        type=number(0, 100_000_000),
        default=100,
        metavar="N",
        help="how many calls (default: 100); 0: without end, in real time",
    )
    parser.add_argument(
        "--rate",
        type=number(0, _RATE_MAX),
        default=20,
        metavar="R",
        help="events offered in each second (default: 20); 0: as fast as possible",
    )
    parser.add_argument("--seed", type=number(0, 2**63), default=1, metavar="S", help="default: 1")
    parser.add_argument(
        "--start",
        type=moment,
        metavar="TIME",
        help="when the first call begins (default: so that no event lies ahead of now)",
    )
    parser.add_argument(
        "--past-days",
        type=number(1, _PAST_DAYS_MAX),
        default=0,
        metavar="N",
        help="spread the calls over N days that are over, by the rhythm of a week",
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
        help="events to send a second time, the same bytes (default: 1)",
    )
    parser.add_argument(
        "--malformed",
        type=percent,
        default=0,
        metavar="PERCENT",
        help="broken events to add, in many ways, all of which must be refused (default: 0)",
    )
    parser.add_argument(
        "--odd-calls",
        type=percent,
        default=0,
        metavar="PERCENT",
        help="calls that are anomalies: a cost is missing, or one is far too high (default: 0)",
    )
    parser.add_argument(
        "--shuffle-minutes",
        type=whole_number(0, 24 * 60),
        default=0,
        metavar="M",
        help="mix the order within M minutes (default: 0)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Send or write, and say how much that was."""
    if arguments.calls == 0 and (arguments.rate == 0 or arguments.out):
        raise CommandError("--calls 0 never ends: give it a --rate, and no --out.", 2)
    if arguments.calls == 0 and arguments.past_days:
        raise CommandError("--past-days has an end: say how many --calls it has.", 2)
    loaded = None if arguments.out else settings.load("kafka")
    from devkit.simulation.planning import plan_for

    wish = _wish(arguments)
    try:
        plan = plan_for(wish, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise CommandError(str(error), 2) from None
    _announce(wish, plan)
    if loaded is None:
        _write(arguments.out, wish, plan)
    else:
        from cost_analytics.running import run_until_stopped

        kafka = loaded.kafka
        print(run_until_stopped(lambda stop: _send(kafka, wish, plan, stop)))
    return 0


def _wish(arguments: argparse.Namespace) -> SimulationRequest:
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


def _announce(wish: SimulationRequest, plan: SimulationPlan) -> None:
    """Say what is simulated, and what to type to have exactly the same again."""
    start = datetime.fromtimestamp(plan.start_ms / 1_000, UTC)
    text = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    past = f" --past-days {wish.past_days}" if wish.past_days else ""
    calls = f"{wish.calls:,} calls" if wish.calls else "calls without end"
    print(
        f"Simulating {calls} of {wish.users:,} users; the same again: --users {wish.users} "
        f"--calls {wish.calls} --rate {wish.rate} --seed {wish.seed} --start {text}{past}",
        file=sys.stderr,
        flush=True,
    )


def _write(file: str, wish: SimulationRequest, plan: SimulationPlan) -> None:
    from cost_analytics.progress import Progress
    from devkit.simulation.pacing import write_all
    from devkit.simulation.planning import sendings

    progress = Progress("events")
    with ExitStack() as stack:
        written = write_all(sendings(wish, plan), _open(file, stack), progress)
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
    kafka: KafkaSection, wish: SimulationRequest, plan: SimulationPlan, stop: asyncio.Event
) -> str:
    from cost_analytics.progress import Progress
    from cost_analytics.sending import open_sender
    from devkit.simulation.pacing import send_all
    from devkit.simulation.planning import sendings

    progress = Progress("events")
    async with open_sender(kafka) as sender:
        try:
            await send_all(sendings(wish, plan), sender, progress, stop, paced=wish.rate > 0)
        finally:
            progress.close()
        return f"Sent {sender.acknowledged} events ({progress.rate():,}/s)."
