"""`cost-analytics archive`: moves months of events from PostgreSQL to Parquet files."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.archives import using_archive
from cost_analytics.commands.options import month
from cost_analytics.database_work import run_with_database
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from cost_analytics.configuration.tree import Settings
    from ledger.operations.archives import ArchivedMonth

DESCRIPTION: Final = """\
Writes each whole month of recorded events before MONTH to a Parquet file with a manifest, stores
what totals, voids and repricing need of it in the month's seal, and drops its partition. Totals do
not change; `verify` and `rebuild` start from the seals. Workers and the API can keep running. After
an interruption, run it again: nothing is lost and nothing is archived twice. Events that arrive
later for an archived month count as usual; the next run archives them as another part.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the months and the directory."""
    parser.add_argument(
        "--before", metavar="MONTH", type=month, required=True, help="the first month to keep"
    )
    parser.add_argument(
        "--to",
        metavar="DIR",
        type=Path,
        default=Path("archive"),
        help="the directory of the files (default: archive)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Archive and report."""
    from ledger.operations.archives import KEPT_DAYS, first_kept_month

    newest = first_kept_month(datetime.now(UTC))
    if arguments.before > newest:
        raise CommandError(
            f"The last {KEPT_DAYS} days are kept: --before can be {newest:%Y-%m} at the latest."
        )
    archived = _archive(settings.load("database"), arguments.before, arguments.to)
    for result in archived:
        if result.manifest is None:
            print(f"{result.month:%Y-%m}: no events; partition dropped.")
        else:
            print(
                f"{result.month:%Y-%m}: {result.manifest.events:,} events, "
                f"{result.manifest.bytes:,} bytes, {arguments.to / result.manifest.file}"
            )
    if not archived:
        print(f"Nothing to archive before {arguments.before:%Y-%m}.")
    return 0


def _archive(loaded: Settings, before: date, directory: Path) -> list[ArchivedMonth]:
    """Archive; raises CommandError for the errors that may be expected."""
    from cost_analytics.progress import Progress, print_progress
    from ledger.operations.archives import Archiver, ArchiveRefusedError

    written = Progress("rows")
    archiver = Archiver(loaded.database_url.reveal(), directory, print_progress, written.set)
    try:
        with using_archive():
            return run_with_database(loaded.database_url, archiver.archive(before))
    except ArchiveRefusedError as error:
        raise CommandError(str(error)) from None
    finally:
        written.close()
