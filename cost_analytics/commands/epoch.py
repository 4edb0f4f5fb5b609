"""`cost-analytics epoch`: shows the ledger's epochs, or raises the epoch after a recovery."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import using_database

DESCRIPTION: Final = """\
The ledger's epoch increases when its totals change by other means than counting events. `restore`
and `rebuild` raise it themselves. Raise it yourself after a point-in-time recovery, after the
promotion of a standby that may lack commits, or after running pg_restore by hand, before workers
and API replicas connect. An unnecessary increase only publishes every total once more.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="show all epochs")
    raising = actions.add_parser("raise", help="raise the epoch after a recovery")
    raising.add_argument("--reason", required=True, help="what happened; stored with the epoch")


def run(arguments: argparse.Namespace) -> int:
    """Show the epochs, or raise a new one and print it."""
    loaded = settings.load("database")
    from cost_analytics.running import run as run_loop
    from ledger.recording.epochs import list_epochs, raise_epoch_at

    url = loaded.database_url.reveal()
    with using_database(loaded.database_url):
        if arguments.action == "raise":
            print(f"The ledger's epoch is {run_loop(raise_epoch_at(url, arguments.reason))}.")
            return 0
        for entry in run_loop(list_epochs(url)):
            published = (
                f"{entry.published_at:%Y-%m-%d %H:%M:%S}" if entry.published_at else "not yet"
            )
            print(
                f"{entry.epoch}  {entry.raised_at:%Y-%m-%d %H:%M:%S}  published {published}  "
                f"{entry.reason}"
            )
    return 0
