"""`cost-analytics restore`: loads a backup into an empty database and raises the ledger's epoch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import using_database

DESCRIPTION: Final = """\
Loads a backup into the database at ADMIN_DATABASE_URL, or DATABASE_URL without it, which has to be
empty. Roles that the server lacks
are created, the schema is brought to this program's version, and the ledger's epoch is raised, so
that workers, the live feed and the totals topic follow. Until that is done no process records or
shows anything. Workers then count what Kafka still holds since the backup. Needs pg_restore, from
PATH or from cost-analytics[dev]. After a point-in-time recovery, which needs no restore, run
`cost-analytics epoch raise` instead.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what is restored, and over what."""
    parser.add_argument("dump", metavar="FROM", help="the dump that `cost-analytics backup` wrote")
    parser.add_argument("--replace", action="store_true", help="drop what the database holds first")


def run(arguments: argparse.Namespace) -> int:
    """Restore and say what there is now."""
    loaded = settings.load("database", login="admin")
    from cost_analytics.backups.restore import restore_backup
    from cost_analytics.progress import plain_reporter
    from cost_analytics.running import run as run_loop

    with using_database(loaded.database_url):
        manifest, epoch = run_loop(
            restore_backup(
                loaded.database_url,
                Path(arguments.dump),
                plain_reporter(),
                replace=arguments.replace,
            )
        )
    contents = manifest.contents
    counts = ", ".join(f"{count:,} {what}" for what, count in contents.counts.items())
    print(f"Restored {counts}, as of {contents.taken_at:%Y-%m-%d %H:%M:%S} UTC.")
    print(f"The ledger's epoch is {epoch}. Workers count what came since, if Kafka still has it.")
    return 0
