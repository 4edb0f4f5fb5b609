"""`cost-analytics publish`: events from a file to the topic, exactly as they are written there."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings

DESCRIPTION: Final = """\
Sends each line of FILE (or of standard input: -) to the topic cost.call-events.v1 and waits until
Kafka has acknowledged all of them. A line is a CloudEvent in JSON; it is sent as it stands, even
when it is no valid event: judging it is the worker's business, and what is refused shows in
`cost-analytics dlq list`. Empty lines are skipped. The key is data.userId, else the subject.

Sending the same file twice is harmless: an event counts once.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare where the events are."""
    parser.add_argument("file", metavar="FILE", help="a file of JSON lines, or - for stdin")


def run(arguments: argparse.Namespace) -> int:
    """Send everything and say how much that was."""
    loaded = settings.load("kafka")
    from cost_analytics.publishing import publish
    from cost_analytics.running import run_until_stopped

    print(run_until_stopped(lambda stop: publish(loaded.kafka, arguments.file, stop)))
    return 0
