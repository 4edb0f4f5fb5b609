"""`cost-analytics rebuild`: writes all totals anew, after a fault; no part of normal work."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import using_database

DESCRIPTION: Final = """\
Writes every total anew from the recorded events, in one transaction. Stop the workers first; the
API may go on and shows the old totals until the new ones are committed. Afterwards `verify` finds
no differences.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: everything is rebuilt."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Rebuild and say how much that was."""
    del arguments
    loaded = settings.load("database")
    from cost_analytics.progress import plain_reporter
    from cost_analytics.running import run as run_loop
    from ledger.store.verification import rebuild

    with using_database(loaded.database_url):
        calls = run_loop(rebuild(loaded.database_url.reveal(), plain_reporter()))
    print(f"Rebuilt the totals of {calls:,} calls.")
    return 0
