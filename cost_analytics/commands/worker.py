"""`cost-analytics worker`: one stream worker, until it is stopped."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings

DESCRIPTION: Final = """\
Reads cost.call-events.v1, records each event once and moves the totals, in one transaction a batch.
Start as many as the topic has partitions; they share them. SIGTERM or Ctrl-C finishes the batch
under way and ends with code 0. When a part fails beyond mending it ends with code 1, for a
supervisor to start it again: nothing is lost and nothing counts twice.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: a worker is configured by settings alone."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Work until stopped."""
    del arguments
    loaded = settings.load("kafka", "database", "worker", "retention", "budget", login="worker")
    from cost_analytics.roots.worker import serve

    return serve(loaded)
