"""`cost-analytics top`: watches the product in a terminal."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.completion import require_terminal
from cost_analytics.commands.options import whole_number
from cost_analytics.failures import MISUSED, CommandError

DESCRIPTION: Final = """\
Shows what happens at the moment, in a terminal: counted events per second, records that wait,
workers, outboxes, active calls of all users with their recorded cost, and the newest alerts. Red
figures need attention; `doctor` says what to do. It only reads PostgreSQL and Kafka.

Keys: o orders the calls by cost, cost per minute or age, space pauses, q ends.
Needs the extra `terminal`: pip install 'cost-analytics[terminal]'.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the interval."""
    parser.add_argument(
        "--interval",
        type=whole_number(1, 3_600),
        default=2,
        metavar="SECONDS",
        help="the time between two readings (default: 2)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show until the user ends it."""
    require_terminal("top")
    loaded = settings.load("database", "kafka")
    if not sys.stdout.isatty():
        raise CommandError("`top` needs a terminal; `doctor --json` is for programs.", MISUSED)
    from cost_analytics.monitor.reading import Monitor
    from cost_analytics.monitor.screen import MonitorApp
    from cost_analytics.running import run as run_loop

    async def show() -> None:
        monitor = Monitor(loaded)
        try:
            await MonitorApp(monitor, arguments.interval).run_async()
        finally:
            await monitor.close()

    run_loop(show())
    return 0
