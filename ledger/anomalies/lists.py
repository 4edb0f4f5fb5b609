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


class AnomalyRow(NamedTuple):
    """An anomaly: its position in the list, its JSON, and when it was resolved."""

    seq: int
    data: str
    resolved_at: datetime | None


class AnomalyPage(NamedTuple):
    """A page of anomalies, latest first, and the position of the next page, None after the last."""

    rows: list[AnomalyRow]
    before: int | None


async def list_anomalies(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str | None,
    filters: AnomalyFilter,
    *,
    before: int | None,
    limit: int,
) -> AnomalyPage:
    """Return a page of a user's anomalies, or of all users' without a user.

    Empty for a viewer without access. Raises StoreUnavailableError.
    """
    name = "of_everyone" if user_id is None else "of_user"
    page_of = _READS.bind(
        name,
        user_id=user_id,
        **viewer.parameters,
        before=before,
        **filters._asdict(),
        limit=limit + 1,
    )
    rows = await readers.read(viewer, *page_of)
    page = [AnomalyRow(*row) for row in rows[:limit]]
    return AnomalyPage(page, page[-1].seq if len(rows) > limit else None)
