"""Lists anomalies, on behalf of a viewer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("anomalies/lists")


class AnomalyFilter(NamedTuple):
    """A filter of anomalies, None for any; days are UTC days, both included."""

    kind: str | None = None
    service: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    is_dismissed: bool | None = None


class AnomalyPosition(NamedTuple):
    """The position of a page: the time and the number of the last anomaly before it."""

    time: datetime
    seq: int


class AnomalyRow(NamedTuple):
    """An anomaly: its number and time, its JSON, when it was resolved, and its dismissal."""

    seq: int
    occurred_at: datetime
    data: str
    resolved_at: datetime | None
    reason: str | None
    dismissed_by: str | None
    dismissed_at: datetime | None


async def list_anomalies(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str | None,
    filters: AnomalyFilter,
    *,
    after: AnomalyPosition | None,
    limit: int,
) -> list[AnomalyRow]:
    """Return up to `limit` anomalies of a user, or of all users without one, latest first.

    Empty for a viewer without access. Raises StoreUnavailableError.
    """
    name = "of_everyone" if user_id is None else "of_user"
    statement = _READS.bind(
        name,
        user_id=user_id,
        **viewer.parameters,
        **filters._asdict(),
        after_time=None if after is None else after.time,
        after_seq=None if after is None else after.seq,
        limit=limit,
    )
    return [AnomalyRow(*row) for row in await readers.read(viewer, *statement)]
