"""Calendar days: which UTC day a moment belongs to."""

from __future__ import annotations

from datetime import datetime

Day = str
"""A UTC calendar day as `YYYY-MM-DD`."""


def day_of(moment: datetime) -> Day:
    """Return the day of a moment that is given in UTC."""
    return moment.date().isoformat()
