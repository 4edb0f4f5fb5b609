"""`cost-analytics restore`: loads a backup into an empty database and raises the epoch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.database_work import run_with_database

DESCRIPTION: Final = """\
Loads a backup into the database at ADMIN_DATABASE_URL (default: DATABASE_URL), which must be empty.
Creates missing roles, migrates the schema to this program's version and raises the ledger's epoch,
so that workers, the live feed and the totals topic follow. No process can record or read anything
until it is complete. Workers then count the events since the backup, as far as Kafka still has
them. Needs pg_restore, from PATH or from cost-analytics[dev]. After a point-in-time recovery, run
`cost-analytics epoch raise` instead.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the backup and the options."""
    parser.add_argument("dump", metavar="FROM", help="the dump written by `cost-analytics backup`")
    parser.add_argument(
        "--replace", action="store_true", help="drop the contents of the database first"
    )


def run(arguments: argparse.Namespace) -> int:
    """Restore and report the contents."""
    loaded = settings.load("database", login="admin")
    from cost_analytics.backups.restore import restore_backup
    from cost_analytics.progress import print_progress
    from cost_analytics.restored_keys import describe_unconfirmed_keys

    url, dump = loaded.database_url, Path(arguments.dump)
    restore = restore_backup(url, dump, print_progress, replace=arguments.replace)
    manifest, epoch = run_with_database(url, restore, as_administrator=True)
    contents = manifest.contents
    counts = ", ".join(f"{count:,} {subject}" for subject, count in contents.counts.items())
    print(f"Restored {counts}, as of {contents.taken_at:%Y-%m-%d %H:%M:%S} UTC.")
    print(f"The ledger's epoch is {epoch}. Workers count later events if Kafka still has them.")
    print(describe_unconfirmed_keys(url), end="")
    return 0
