"""The time from which a new price, charge plan or alias applies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_YEARS: Final = (2000, 2100)
EFFECTIVE_FROM_ERROR: Final = (
    "effective_from must be a day or a time like 2026-01-31 or 2026-01-31T12:00:00Z "
    f"of the years {_YEARS[0]} to {_YEARS[1] - 1}."
)
EARLIEST_TIME: Final = datetime(_YEARS[0], 1, 1, tzinfo=UTC)
_END: Final = datetime(_YEARS[1], 1, 1, tzinfo=UTC)


def parse_time(text: str) -> datetime:
    """Parse a day or a time, in UTC if it has no offset; raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST_TIME <= moment < _END:
        raise ValueError(EFFECTIVE_FROM_ERROR)
    return moment.astimezone(UTC)
