"""`cost-analytics epoch`: shows the ledger's epochs, or raises the epoch after a recovery."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from cost_analytics.restored_keys import describe_unconfirmed_keys

if TYPE_CHECKING:
    from ledger.recording.epochs import Epoch

DESCRIPTION: Final = """\
The ledger's epoch increases when its totals change by other means than counting events. `restore`
and `rebuild` raise it themselves. Raise it yourself after a point-in-time recovery, after the
promotion of a standby that may lack commits, or after running pg_restore by hand, before workers
and API replicas connect. An unnecessary increase only publishes every total once more, and asks
for a confirmation of the keys of services.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_json(actions.add_parser("list", help="show all epochs"))
    raise_parser = actions.add_parser("raise", help="raise the epoch after a recovery")
    raise_parser.add_argument(
        "--reason", required=True, help="what happened; stored with the epoch"
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the epochs, or raise a new one and print it."""
    url = settings.load("database").database_url
    from ledger.recording.epochs import all_epochs, raise_epoch

    if arguments.action == "raise":
        if not arguments.reason.strip():
            raise CommandError("--reason must say what happened.")
        epoch = run_connected(url, "epoch", partial(raise_epoch, reason=arguments.reason))
        print(f"The ledger's epoch is {epoch}.")
        print(describe_unconfirmed_keys(url), end="")
        return 0
    epochs = run_connected(url, "epoch", all_epochs)
    return print_rows(arguments, epochs, _line, none="No epochs.")


def _line(entry: Epoch) -> str:
    published = f"{entry.published_at:%Y-%m-%d %H:%M:%S}" if entry.published_at else "not yet"
    return (
        f"{entry.epoch}  {entry.raised_at:%Y-%m-%d %H:%M:%S}  published {published}  {entry.reason}"
    )
