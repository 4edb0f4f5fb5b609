"""Archives months of a test's ledger."""

from datetime import UTC, datetime
from pathlib import Path

from ledger.operations.archives import ArchivedMonth, Archiver
from tests.support.recording import fetch

NOW = datetime.now(UTC).replace(microsecond=0)


def month_start(months_ago: int) -> datetime:
    """Return the first moment of an earlier month."""
    years, month = divmod(NOW.month - 1 - months_ago, 12)
    return datetime(NOW.year + years, month + 1, 1, tzinfo=UTC)


async def archive(database_url: str, directory: Path, months_ago: int = 2) -> list[ArchivedMonth]:
    """Archive all months before an earlier month."""
    return await Archiver(database_url, directory).archive(month_start(months_ago).date())


async def partitions(database_url: str) -> list[str]:
    """Return the names of the partitions."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'call_cost_events'::regclass ORDER BY 1"
    return [row[0] for row in await fetch(database_url, query)]


OLD_CALL = "call-0"
"""A call of the archived month in `test_archiving.calls`."""
