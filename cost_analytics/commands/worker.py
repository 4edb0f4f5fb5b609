"""`cost-analytics worker`: one stream worker."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import no_arguments
from cost_analytics.configuration.processes import WORKER

DESCRIPTION: Final = """\
Reads cost.call-events.v1 and records each batch of events and the new totals in one transaction.
Start at most as many workers as the topic has partitions. SIGTERM or Ctrl-C finishes the present
batch and exits with code 0. After an unrecoverable error it exits with code 1, so that a supervisor
restarts it: nothing is lost and nothing counts twice.
"""

configure: Final = no_arguments


def run(arguments: argparse.Namespace) -> int:
    """Work until stopped."""
    del arguments
    loaded = settings.load(*WORKER.needs, login=WORKER.login)
    from cost_analytics.roots.worker import serve

    return serve(loaded)
