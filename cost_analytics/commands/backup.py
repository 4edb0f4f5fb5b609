"""`cost-analytics backup`: a consistent copy of the ledger while all processes keep running."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Final

from cost_analytics import settings
from cost_analytics.database_work import run_with_database

DESCRIPTION: Final = """\
Writes a dump of the ledger in PostgreSQL's custom format, and a manifest (FILE.json) with versions,
the ledger's epoch, counts, the stream's position and a digest. Writers are not blocked. Files
appear only when complete, and existing ones are never replaced. Needs pg_dump, from PATH or from
cost-analytics[dev], at least as new as the server. ADMIN_DATABASE_URL (default: DATABASE_URL) must
name the owner of the tables or a superuser. `cost-analytics restore` restores it;
docs/operations.md has the procedure.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the destination."""
    parser.add_argument(
        "--to",
        required=True,
        metavar="FILE|DIR",
        help="the file of the dump, or a directory for a file named by the time",
    )


def run(arguments: argparse.Namespace) -> int:
    """Take a backup and report its contents."""
    loaded = settings.load("database", login="admin")
    from cost_analytics.backups.backup import take_backup
    from cost_analytics.backups.backup_files import choose_path
    from cost_analytics.progress import print_progress

    dump = choose_path(arguments.to, datetime.now(UTC))
    url = loaded.database_url
    backup = take_backup(url, dump, print_progress)
    manifest = run_with_database(url, backup, as_administrator=True)
    counts = ", ".join(
        f"{count:,} {subject}" for subject, count in manifest.contents.counts.items()
    )
    print(f"Saved {counts} in {manifest.dump_bytes:,} bytes, epoch {manifest.contents.epoch}.")
    print(dump)
    return 0
