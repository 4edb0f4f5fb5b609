"""`cost-analytics publish`: sends events from a file to the topic, unchanged."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings

DESCRIPTION: Final = """\
Sends each line of FILE (or of standard input: -) to the topic cost.call-events.v1 and waits until
Kafka has acknowledged all of them. A line is a CloudEvent in JSON. It is sent unchanged even if it
is not a valid event: the worker validates it, and refused events appear in `cost-analytics dlq
list`. Empty lines are skipped. The key is data.userId, or else the subject.

Sending the same file twice is harmless: an event counts once.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the file."""
    parser.add_argument("file", metavar="FILE", help="a file of JSON lines, or - for stdin")


def run(arguments: argparse.Namespace) -> int:
    """Send all lines and report the number."""
    loaded = settings.load("kafka")
    from cost_analytics.publishing import publish
    from cost_analytics.running import run_until_stopped

    print(run_until_stopped(lambda stop: publish(loaded.kafka, arguments.file, stop)))
    return 0
