"""`cost-analytics rebuild`: rewrites all totals; only needed after a fault."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.archives import using_archive
from cost_analytics.commands.verify import ARCHIVE_HELP
from cost_analytics.database_work import run_with_database

DESCRIPTION: Final = """\
Rewrites every total from the recorded events, in one transaction. Stop the workers first; the API
can keep running and shows the old totals until the commit. Afterwards `verify` finds no
differences. Archived months are represented by their seals; with --archive the seals are first
recomputed from the files.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the directory of archived months."""
    parser.add_argument("--archive", metavar="DIR", type=Path, help=ARCHIVE_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Rebuild and report the number of calls."""
    url = settings.load("database").database_url
    from cost_analytics.progress import print_progress
    from ledger.operations.archive_checks import reseal
    from ledger.operations.verification import rebuild
    from ledger.postgres.database import Connection

    async def reseal_months(connection: Connection) -> None:
        if arguments.archive is not None:
            await reseal(connection, arguments.archive, print_progress)

    with using_archive():
        calls = run_with_database(url, rebuild(url.reveal(), print_progress, reseal_months))
    print(f"Rebuilt the totals of {calls:,} calls.")
    return 0
