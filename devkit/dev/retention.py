"""Drops old months of events from the database of the development instance.

Each month is sealed as `cost-analytics archive` seals it, so totals stay exact, but no file is
written: the details of old calls are gone.
"""

from __future__ import annotations

from datetime import UTC, datetime

from devkit.embedded.foreground import print_line
from ledger.operations.archives import (
    Archiver,
    ArchiveRefusedError,
    first_kept_month,
)
from ledger.postgres.database import TRANSIENT_ERRORS


async def drop_old_months(database_url: str) -> None:
    """Seal and drop the months without events of the last 31 days.

    An error is reported; the next call tries again.
    """
    try:
        dropped = await Archiver(database_url, None).archive(first_kept_month(datetime.now(UTC)))
    except (ArchiveRefusedError, *TRANSIENT_ERRORS) as error:
        print_line(f"Old months were not dropped: {str(error) or type(error).__name__}")
        return
    for month in dropped:
        if month.manifest is not None:
            print_line(
                f"The details of {month.manifest.events:,} events of {month.month:%Y-%m} were "
                "dropped; their totals stay."
            )
