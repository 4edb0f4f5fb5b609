"""The time from which a new price, charge plan or alias applies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_YEARS: Final = (2000, 2100)
FORM: Final = (
    "effective_from must be a day or a time like 2026-01-31 or 2026-01-31T12:00:00Z "
    f"of the years {_YEARS[0]} to {_YEARS[1] - 1}."
)
EARLIEST: Final = datetime(_YEARS[0], 1, 1, tzinfo=UTC)


def read_moment(text: str) -> datetime:
    """Return a day or a time in UTC, which is assumed without an offset; raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if not _YEARS[0] <= moment.year < _YEARS[1]:
        raise ValueError(FORM)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
